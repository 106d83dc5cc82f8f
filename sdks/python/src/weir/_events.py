"""One method per event type. Made by sdks/generate.py of schemas/events: not edited by hand."""

from __future__ import annotations

from typing import Any, Dict, Mapping, Optional, Sequence

from ._guard import Person, Time, guarded


class Events:
    """Typed events. Each method only queues; what is left out is not sent.

    All of them take event_id (a UUID, which makes two events the same one), event_time (a
    datetime, or microseconds since 1970), source and resource, as the client has them."""

    def _emit(
        self, type: str, fields: Dict[str, Any], person_field: Optional[str] = None
    ) -> None:
        raise NotImplementedError

    @guarded
    def ai_feedback(
        self,
        *,
        component: str,
        feedback_id: Optional[str] = None,
        query_id: Optional[str] = None,
        service_name: Optional[str] = None,
        processing_ms: Optional[float] = None,
        success: Optional[bool] = None,
        error_type: Optional[str] = None,
        rating: Optional[float] = None,
        helpful: Optional[bool] = None,
        corrected: Optional[bool] = None,
        correction: Optional[str] = None,
        triggers_retraining: Optional[bool] = None,
        received_at: Optional[Time] = None,
        integrated_at: Optional[Time] = None,
        client: Optional[str] = None,
        user_id: Optional[str] = None,
        event_id: Optional[str] = None,
        event_time: Optional[Time] = None,
        source: Optional[str] = None,
        resource: Optional[Mapping[str, str]] = None,
    ) -> None:
        """What a user said of an answer, and what the system made of it. Sent when the feedback
        has been processed; a sender that learns only later when it was learned from sends a
        second event, with integrated_at and without processing_ms.

        component: part of the system, e.g. cognitive_core
        feedback_id: identity of the feedback
        query_id: query that it is about
        service_name: service (service.name); empty: not told
        processing_ms: how long processing took, in ms; null: told by another event
        success: whether it was processed; null: told by another event
        error_type: class of the error, if any
        rating: rating, 1 to 5; null: not rated
        helpful: thumbs up or down; null: neither
        corrected: whether the user said what would have been right
        correction: what would have been right, where it may be kept
        triggers_retraining: whether it is reason to train a model again
        received_at: when it came in; null: not told
        integrated_at: when the system had learned from it; null: not yet, or never
        client: customer whose request it was; empty: not told
        user_id: person who asked (user.id); may be a pseudonym; empty: not told
        """
        self._emit(
            "ai.feedback",
            {
                "component": component,
                "feedback_id": feedback_id,
                "query_id": query_id,
                "service_name": service_name,
                "processing_ms": processing_ms,
                "success": success,
                "error_type": error_type,
                "rating": rating,
                "helpful": helpful,
                "corrected": corrected,
                "correction": correction,
                "triggers_retraining": triggers_retraining,
                "received_at": received_at,
                "integrated_at": integrated_at,
                "client": client,
                "user_id": user_id,
                "event_id": event_id,
                "event_time": event_time,
                "source": source,
                "resource": resource,
            },
        )

    @guarded
    def ai_inference(
        self,
        *,
        model: str,
        component: str,
        inference_ms: float,
        prediction_id: Optional[str] = None,
        model_version: Optional[str] = None,
        service_name: Optional[str] = None,
        features: Optional[int] = None,
        predicted: Optional[float] = None,
        predicted_label: Optional[str] = None,
        confidence: Optional[float] = None,
        success: Optional[bool] = None,
        error_type: Optional[str] = None,
        client: Optional[str] = None,
        event_id: Optional[str] = None,
        event_time: Optional[Time] = None,
        source: Optional[str] = None,
        resource: Optional[Mapping[str, str]] = None,
    ) -> None:
        """One prediction of a trained model.

        model: name of the model, e.g. epic_trajectory_prediction
        component: part of the system, e.g. cognitive_core
        inference_ms: from the features to the prediction, in ms
        prediction_id: identity of the prediction, which its outcome repeats; identifies the
            event where present
        model_version: its version; empty: not told
        service_name: service (service.name); empty: not told
        features: number of features that went in; null: not told
        predicted: the prediction, where it is a number
        predicted_label: the prediction, where it is a class
        confidence: how sure the model is, 0 to 1; null: not told
        success: whether a prediction came
        error_type: class of the error, if any; timeout where it took too long
        client: customer whose request it was; empty: not told
        """
        self._emit(
            "ai.inference",
            {
                "model": model,
                "component": component,
                "inference_ms": inference_ms,
                "prediction_id": prediction_id,
                "model_version": model_version,
                "service_name": service_name,
                "features": features,
                "predicted": predicted,
                "predicted_label": predicted_label,
                "confidence": confidence,
                "success": success,
                "error_type": error_type,
                "client": client,
                "event_id": event_id,
                "event_time": event_time,
                "source": source,
                "resource": resource,
            },
        )

    @guarded
    def ai_outcome(
        self,
        *,
        model: str,
        prediction_id: Optional[str] = None,
        model_version: Optional[str] = None,
        component: Optional[str] = None,
        predicted: Optional[float] = None,
        actual: Optional[float] = None,
        predicted_label: Optional[str] = None,
        actual_label: Optional[str] = None,
        predicted_positive: Optional[bool] = None,
        actual_positive: Optional[bool] = None,
        business_correct: Optional[bool] = None,
        predicted_at: Optional[Time] = None,
        client: Optional[str] = None,
        event_id: Optional[str] = None,
        event_time: Optional[Time] = None,
        source: Optional[str] = None,
        resource: Optional[Mapping[str, str]] = None,
    ) -> None:
        """What became of a prediction: the true value, beside the predicted one.

        model: name of the model, e.g. epic_trajectory_prediction
        prediction_id: identity of the prediction; identifies the event where present
        model_version: its version; empty: not told
        component: part of the system, e.g. cognitive_core; empty: not told
        predicted: the prediction, where it is a number and the sender has it
        actual: the true value, where it is a number
        predicted_label: the prediction, where it is a class and the sender has it
        actual_label: the true class
        predicted_positive: of two classes: whether it was predicted to be the one looked for;
            null: not such a model
        actual_positive: of two classes: whether it was the one looked for; null: not such a
            model
        business_correct: whether the prediction was good enough for its use; null: not judged
        predicted_at: when the prediction was made; null: not known
        client: customer whose prediction it was; empty: not told
        """
        self._emit(
            "ai.outcome",
            {
                "model": model,
                "prediction_id": prediction_id,
                "model_version": model_version,
                "component": component,
                "predicted": predicted,
                "actual": actual,
                "predicted_label": predicted_label,
                "actual_label": actual_label,
                "predicted_positive": predicted_positive,
                "actual_positive": actual_positive,
                "business_correct": business_correct,
                "predicted_at": predicted_at,
                "client": client,
                "event_id": event_id,
                "event_time": event_time,
                "source": source,
                "resource": resource,
            },
        )

    @guarded
    def ai_query(
        self,
        *,
        component: str,
        complexity: str,
        response_ms: float,
        query_id: Optional[str] = None,
        service_name: Optional[str] = None,
        endpoint: Optional[str] = None,
        success: Optional[bool] = None,
        error_type: Optional[str] = None,
        models_used: Optional[Sequence[str]] = None,
        confidence: Optional[float] = None,
        client: Optional[str] = None,
        user_id: Optional[str] = None,
        session_id: Optional[str] = None,
        satisfaction: Optional[float] = None,
        tokens_input: Optional[int] = None,
        tokens_output: Optional[int] = None,
        cost_usd: Optional[float] = None,
        event_id: Optional[str] = None,
        event_time: Optional[Time] = None,
        source: Optional[str] = None,
        resource: Optional[Mapping[str, str]] = None,
    ) -> None:
        """One query to an AI system, from its arrival to its answer.

        component: part of the system, e.g. cognitive_core
        complexity: simple, moderate or complex
        response_ms: from the query to the whole answer, in ms
        query_id: identity of the query; identifies the event where present
        service_name: service (service.name); empty: not told
        endpoint: route or operation, without ids in it (http.route); empty: not told
        success: whether an answer came
        error_type: class of the error, if any; timeout where it took too long
        models_used: models that worked on it
        confidence: how sure the system is, 0 to 1; null: not told
        client: customer whose request it was; empty: not told
        user_id: person who asked (user.id); may be a pseudonym; empty: not told
        session_id: session or conversation (session.id)
        satisfaction: rating by the user, 1 to 5; null: not rated
        tokens_input: tokens read, whatever of them came from a cache; null: not known
        tokens_output: tokens written, reasoning among them; null: not known
        cost_usd: cost as reported by the source, in USD; null: not known
        """
        self._emit(
            "ai.query",
            {
                "component": component,
                "complexity": complexity,
                "response_ms": response_ms,
                "query_id": query_id,
                "service_name": service_name,
                "endpoint": endpoint,
                "success": success,
                "error_type": error_type,
                "models_used": models_used,
                "confidence": confidence,
                "client": client,
                "user_id": user_id,
                "session_id": session_id,
                "satisfaction": satisfaction,
                "tokens_input": tokens_input,
                "tokens_output": tokens_output,
                "cost_usd": cost_usd,
                "event_id": event_id,
                "event_time": event_time,
                "source": source,
                "resource": resource,
            },
        )

    @guarded
    def alert_acknowledged(
        self,
        *,
        alert_id: str,
        rule: Optional[str] = None,
        engineer: Optional[Person] = None,
        note: Optional[str] = None,
        event_id: Optional[str] = None,
        event_time: Optional[Time] = None,
        source: Optional[str] = None,
        resource: Optional[Mapping[str, str]] = None,
    ) -> None:
        """Somebody has seen an alert and takes care of it.

        alert_id: id of the alert
        rule: rule that it came of; empty: not told
        engineer: who; left out, the client's
        note: what was said about it
        """
        self._emit(
            "alert.acknowledged",
            {
                "alert_id": alert_id,
                "rule": rule,
                "engineer": engineer,
                "note": note,
                "event_id": event_id,
                "event_time": event_time,
                "source": source,
                "resource": resource,
            },
            "engineer",
        )

    @guarded
    def alert_silenced(
        self,
        *,
        rule: str,
        silenced_until: Time,
        alert_id: Optional[str] = None,
        subject: Optional[Mapping[str, str]] = None,
        engineer: Optional[Person] = None,
        reason: Optional[str] = None,
        event_id: Optional[str] = None,
        event_time: Optional[Time] = None,
        source: Optional[str] = None,
        resource: Optional[Mapping[str, str]] = None,
    ) -> None:
        """Somebody wants no word of a rule's alerts for a while.

        rule: rule that is silenced
        silenced_until: when it may be told again
        alert_id: the one alert that is silenced; null: all of the rule and subject
        subject: dimensions that the alert must have, e.g. team; empty: any
        engineer: who; left out, the client's
        reason: why
        """
        self._emit(
            "alert.silenced",
            {
                "rule": rule,
                "silenced_until": silenced_until,
                "alert_id": alert_id,
                "subject": subject,
                "engineer": engineer,
                "reason": reason,
                "event_id": event_id,
                "event_time": event_time,
                "source": source,
                "resource": resource,
            },
            "engineer",
        )

    @guarded
    def assistant_recorded(
        self,
        *,
        engineer: Optional[Person] = None,
        assistant: Optional[str] = None,
        memory_hits: Optional[int] = None,
        memory_misses: Optional[int] = None,
        context_injections: Optional[int] = None,
        avg_context_tokens: Optional[float] = None,
        suggestions_accepted: Optional[int] = None,
        suggestions_rejected: Optional[int] = None,
        event_id: Optional[str] = None,
        event_time: Optional[Time] = None,
        source: Optional[str] = None,
        resource: Optional[Mapping[str, str]] = None,
    ) -> None:
        """How an assistant used its memory and how its suggestions fared: a day's totals, or
        one occasion. Counts add up.

        engineer: who; left out, the client's
        assistant: name of the assistant, e.g. claude-code; empty: not told
        memory_hits: look-ups in its memory that found something
        memory_misses: look-ups in its memory that found nothing
        context_injections: times that context was put into a prompt
        avg_context_tokens: mean size of the context put in, in tokens; weighs
            context_injections; null: not told
        suggestions_accepted: suggestions that were taken
        suggestions_rejected: suggestions that were turned down
        """
        self._emit(
            "assistant.recorded",
            {
                "engineer": engineer,
                "assistant": assistant,
                "memory_hits": memory_hits,
                "memory_misses": memory_misses,
                "context_injections": context_injections,
                "avg_context_tokens": avg_context_tokens,
                "suggestions_accepted": suggestions_accepted,
                "suggestions_rejected": suggestions_rejected,
                "event_id": event_id,
                "event_time": event_time,
                "source": source,
                "resource": resource,
            },
            "engineer",
        )

    @guarded
    def audit_recorded(
        self,
        *,
        action: str,
        target_kind: str,
        outcome: str,
        actor: Optional[str] = None,
        target: Optional[str] = None,
        reason: Optional[str] = None,
        detail: Optional[str] = None,
        event_id: Optional[str] = None,
        event_time: Optional[Time] = None,
        source: Optional[str] = None,
        resource: Optional[Mapping[str, str]] = None,
    ) -> None:
        """Somebody changed something by the api or a command, or tried to: who, what, and what
        came of it.

        action: what was done, e.g. alert.acknowledge, token.create, process.kill
        target_kind: kind of what it was done to, e.g. alert, rule, token, person, process
        outcome: done, refused, declined or failed
        actor: who did it; may be a pseudonym; empty: not known
        target: its id; never the name of a person; empty: all of the kind
        reason: why, as the actor says
        detail: what else belongs to it, e.g. until when; never the name of a person
        """
        self._emit(
            "audit.recorded",
            {
                "action": action,
                "target_kind": target_kind,
                "outcome": outcome,
                "actor": actor,
                "target": target,
                "reason": reason,
                "detail": detail,
                "event_id": event_id,
                "event_time": event_time,
                "source": source,
                "resource": resource,
            },
        )

    @guarded
    def baseline_captured(
        self,
        *,
        metric: str,
        value: float,
        unit: str,
        category: Optional[str] = None,
        component: Optional[str] = None,
        client: Optional[str] = None,
        model: Optional[str] = None,
        team: Optional[str] = None,
        samples: Optional[int] = None,
        period_from: Optional[Time] = None,
        period_to: Optional[Time] = None,
        conditions: Optional[Mapping[str, str]] = None,
        captured_by: Optional[str] = None,
        event_id: Optional[str] = None,
        event_time: Optional[Time] = None,
        source: Optional[str] = None,
        resource: Optional[Mapping[str, str]] = None,
    ) -> None:
        """What is usual for a metric, captured from a period or a run: it holds until the next
        one.

        metric: what it is about, e.g. conversational_query_response_time or the name of a KPI
        value: what is usual, in the unit
        unit: unit of the value, e.g. ms
        category: ai_query, ml_inference, user_feedback, user_interface or system_health; empty:
            none
        component: component that it holds for; empty: all
        client: customer that it holds for; empty: all
        model: model that it holds for; empty: all
        team: team that it belongs to; empty: none is told
        samples: observations that it rests on; null: not told
        period_from: begin of the period that it was captured from; null: not told
        period_to: end of that period; null: not told
        conditions: what it was measured under, e.g. query_complexity
        captured_by: who captured it; may be a pseudonym
        """
        self._emit(
            "baseline.captured",
            {
                "metric": metric,
                "value": value,
                "unit": unit,
                "category": category,
                "component": component,
                "client": client,
                "model": model,
                "team": team,
                "samples": samples,
                "period_from": period_from,
                "period_to": period_to,
                "conditions": conditions,
                "captured_by": captured_by,
                "event_id": event_id,
                "event_time": event_time,
                "source": source,
                "resource": resource,
            },
        )

    @guarded
    def budget_set(
        self,
        *,
        budget: str,
        scope: str,
        limit_usd: float,
        period: Optional[str] = None,
        team: Optional[str] = None,
        engineer: Optional[str] = None,
        model: Optional[str] = None,
        category: Optional[str] = None,
        system: Optional[str] = None,
        set_by: Optional[str] = None,
        event_id: Optional[str] = None,
        event_time: Optional[Time] = None,
        source: Optional[str] = None,
        resource: Optional[Mapping[str, str]] = None,
    ) -> None:
        """A budget was set, or changed: it holds until the next one of its scope.

        budget: name of the budget
        scope: what it limits: tenant, team, engineer, model, category or system
        limit_usd: most that may be spent in a period, in USD
        period: day or month
        team: team that it belongs to; empty: none is told
        engineer: person whose spend it limits, where the scope is engineer; may be a pseudonym
        model: model whose cost it limits, where the scope is model
        category: category of calls that it limits, where the scope is category
        system: optimising system that it limits, where the scope is system
        set_by: who set it; may be a pseudonym
        """
        self._emit(
            "budget.set",
            {
                "budget": budget,
                "scope": scope,
                "limit_usd": limit_usd,
                "period": period,
                "team": team,
                "engineer": engineer,
                "model": model,
                "category": category,
                "system": system,
                "set_by": set_by,
                "event_id": event_id,
                "event_time": event_time,
                "source": source,
                "resource": resource,
            },
        )

    @guarded
    def capability_executed(
        self,
        *,
        capability: str,
        duration_ms: float,
        success: bool,
        engineer: Optional[Person] = None,
        error_type: Optional[str] = None,
        tokens_saved: Optional[int] = None,
        api_calls_avoided: Optional[int] = None,
        time_saved_minutes: Optional[float] = None,
        context_size_tokens: Optional[int] = None,
        event_id: Optional[str] = None,
        event_time: Optional[Time] = None,
        source: Optional[str] = None,
        resource: Optional[Mapping[str, str]] = None,
    ) -> None:
        """One execution of an assistant's capability.

        capability: e.g. sc:implement
        duration_ms: how long it took, in ms
        success: whether it worked
        engineer: who; left out, the client's
        error_type: class of the error, if any
        tokens_saved: tokens that need not be sent thanks to it
        api_calls_avoided: calls that were not needed thanks to it
        time_saved_minutes: working time saved as reported by the source, in minutes
        context_size_tokens: size of the context it worked on, in tokens
        """
        self._emit(
            "capability.executed",
            {
                "capability": capability,
                "duration_ms": duration_ms,
                "success": success,
                "engineer": engineer,
                "error_type": error_type,
                "tokens_saved": tokens_saved,
                "api_calls_avoided": api_calls_avoided,
                "time_saved_minutes": time_saved_minutes,
                "context_size_tokens": context_size_tokens,
                "event_id": event_id,
                "event_time": event_time,
                "source": source,
                "resource": resource,
            },
            "engineer",
        )

    @guarded
    def certification_granted(
        self,
        *,
        operator: Person,
        certification: str,
        issuer: Optional[str] = None,
        score: Optional[float] = None,
        expires_at: Optional[Time] = None,
        cost_usd: Optional[float] = None,
        event_id: Optional[str] = None,
        event_time: Optional[Time] = None,
        source: Optional[str] = None,
        resource: Optional[Mapping[str, str]] = None,
    ) -> None:
        """An operator was certified.

        operator: who is trained
        certification: name of the certification
        issuer: who certifies; empty: not told
        score: score in the exam, 0 to 1; null: there was none
        expires_at: when it ends; null: never
        cost_usd: fee of the exam, in USD
        """
        self._emit(
            "certification.granted",
            {
                "operator": operator,
                "certification": certification,
                "issuer": issuer,
                "score": score,
                "expires_at": expires_at,
                "cost_usd": cost_usd,
                "event_id": event_id,
                "event_time": event_time,
                "source": source,
                "resource": resource,
            },
            "operator",
        )

    @guarded
    def deployment_recorded(
        self,
        *,
        deployment_id: str,
        service_name: str,
        finished_at: Time,
        duration_ms: float,
        success: bool,
        environment: Optional[str] = None,
        team: Optional[str] = None,
        repository: Optional[str] = None,
        revision: Optional[str] = None,
        commits: Optional[int] = None,
        commit_at: Optional[Time] = None,
        failed: Optional[bool] = None,
        rework: Optional[bool] = None,
        ai_assisted: Optional[bool] = None,
        error_type: Optional[str] = None,
        event_id: Optional[str] = None,
        event_time: Optional[Time] = None,
        source: Optional[str] = None,
        resource: Optional[Mapping[str, str]] = None,
    ) -> None:
        """A deployment, sent once when its outcome is known.

        deployment_id: identity of the deployment (deployment.id)
        service_name: what was deployed (service.name)
        finished_at: when the deployment ended
        duration_ms: from its start to its end, in ms
        success: whether it reached its end (cicd.pipeline.result)
        environment: where to, e.g. production (deployment.environment.name)
        team: team that it belongs to; empty: none is told
        repository: repository of the code (vcs.repository.name)
        revision: revision that was deployed (vcs.ref.head.revision)
        commits: commits that it brought; null: not known
        commit_at: when the first of its changes was committed; null: not known
        failed: whether it harmed users and had to be repaired or taken back; null: not known
            yet
        rework: whether it was not planned and made to repair what users suffered from; null:
            not known
        ai_assisted: whether an assistant wrote any of it; null: not known
        error_type: class of the error, if any
        """
        self._emit(
            "deployment.recorded",
            {
                "deployment_id": deployment_id,
                "service_name": service_name,
                "finished_at": finished_at,
                "duration_ms": duration_ms,
                "success": success,
                "environment": environment,
                "team": team,
                "repository": repository,
                "revision": revision,
                "commits": commits,
                "commit_at": commit_at,
                "failed": failed,
                "rework": rework,
                "ai_assisted": ai_assisted,
                "error_type": error_type,
                "event_id": event_id,
                "event_time": event_time,
                "source": source,
                "resource": resource,
            },
        )

    @guarded
    def emitter_metered(
        self,
        *,
        emitter: str,
        version: Optional[str] = None,
        tokens_added: Optional[float] = None,
        tokens_total: Optional[float] = None,
        series: Optional[str] = None,
        event_id: Optional[str] = None,
        event_time: Optional[Time] = None,
        source: Optional[str] = None,
        resource: Optional[Mapping[str, str]] = None,
    ) -> None:
        """A point of a counter of tokens that an emitter sends beside its calls: the two are
        compared.

        emitter: who sent it: the name of its declaration in schemas/otlp
        version: its version; empty: not told
        tokens_added: tokens since the point before; null: the counter tells its total
        tokens_total: tokens since the series began; null: the counter tells what was added
        series: series of a total: another beginning, or another process, is another one; empty:
            none
        """
        self._emit(
            "emitter.metered",
            {
                "emitter": emitter,
                "version": version,
                "tokens_added": tokens_added,
                "tokens_total": tokens_total,
                "series": series,
                "event_id": event_id,
                "event_time": event_time,
                "source": source,
                "resource": resource,
            },
        )

    @guarded
    def emitter_observed(
        self,
        *,
        emitter: str,
        version: Optional[str] = None,
        events: Optional[int] = None,
        calls: Optional[int] = None,
        fields_asked: Optional[int] = None,
        fields_told: Optional[int] = None,
        missing: Optional[Mapping[str, str]] = None,
        tokens: Optional[int] = None,
        event_id: Optional[str] = None,
        event_time: Optional[Time] = None,
        source: Optional[str] = None,
        resource: Optional[Mapping[str, str]] = None,
    ) -> None:
        """What one request of OpenTelemetry told of one emitter and version: how many events,
        and which of their fields.

        emitter: who sent it: the name of its declaration in schemas/otlp
        version: its version; empty: not told
        events: events that its records became, doubles among them
        calls: of those: calls of models that succeeded
        fields_asked: fields of these calls that are looked for: the same number for each call
        fields_told: of those: told
        missing: by field: how many of these calls do not tell it, as text
        tokens: tokens of all calls, all classes together
        """
        self._emit(
            "emitter.observed",
            {
                "emitter": emitter,
                "version": version,
                "events": events,
                "calls": calls,
                "fields_asked": fields_asked,
                "fields_told": fields_told,
                "missing": missing,
                "tokens": tokens,
                "event_id": event_id,
                "event_time": event_time,
                "source": source,
                "resource": resource,
            },
        )

    @guarded
    def engineer_registered(
        self,
        *,
        engineer: Optional[Person] = None,
        name: Optional[str] = None,
        host_name: Optional[str] = None,
        platform: Optional[str] = None,
        cpu: Optional[str] = None,
        ram_gb: Optional[float] = None,
        runtime_version: Optional[str] = None,
        product_version: Optional[str] = None,
        installed_at: Optional[Time] = None,
        event_id: Optional[str] = None,
        event_time: Optional[Time] = None,
        source: Optional[str] = None,
        resource: Optional[Mapping[str, str]] = None,
    ) -> None:
        """An engineer's machine was set up, or set up anew: who works on what. The newest one
        holds.

        engineer: who; left out, the client's
        name: full name, as reports show it; personal, may be empty or a pseudonym
        host_name: name of the machine (host.name)
        platform: operating system: Windows, Darwin or Linux (os.type)
        cpu: model of the processor (host.cpu.model.name)
        ram_gb: memory of the machine, in GB
        runtime_version: language runtime and its version, e.g. Python 3.11.5
        product_version: version of the assistant (service.version)
        installed_at: when the assistant was installed; null: not told
        """
        self._emit(
            "engineer.registered",
            {
                "engineer": engineer,
                "name": name,
                "host_name": host_name,
                "platform": platform,
                "cpu": cpu,
                "ram_gb": ram_gb,
                "runtime_version": runtime_version,
                "product_version": product_version,
                "installed_at": installed_at,
                "event_id": event_id,
                "event_time": event_time,
                "source": source,
                "resource": resource,
            },
            "engineer",
        )

    @guarded
    def experiment_observed(
        self,
        *,
        experiment: str,
        variant: str,
        metric: str,
        value: float,
        unit_id: Optional[str] = None,
        planned_share: Optional[float] = None,
        guardrail: Optional[bool] = None,
        event_id: Optional[str] = None,
        event_time: Optional[Time] = None,
        source: Optional[str] = None,
        resource: Optional[Mapping[str, str]] = None,
    ) -> None:
        """One observation of an experiment: a metric under one variant.

        experiment: name of the experiment (feature_flag.key)
        variant: baseline, canary, or another of its variants (feature_flag.result.variant)
        metric: what was observed, its unit in its name, e.g. latency_ms
        value: observed value, in the metric's unit
        unit_id: who or what was assigned to the variant, e.g. a user or session; null: each
            observation for itself
        planned_share: share of units that the variant is meant to get, 0 to 1; null: not told
        guardrail: whether the metric must only not get worse
        """
        self._emit(
            "experiment.observed",
            {
                "experiment": experiment,
                "variant": variant,
                "metric": metric,
                "value": value,
                "unit_id": unit_id,
                "planned_share": planned_share,
                "guardrail": guardrail,
                "event_id": event_id,
                "event_time": event_time,
                "source": source,
                "resource": resource,
            },
        )

    @guarded
    def goal_set(
        self,
        *,
        goal: str,
        metric: str,
        target: float,
        unit: str,
        scope: Optional[str] = None,
        operator: Optional[str] = None,
        team: Optional[str] = None,
        description: Optional[str] = None,
        due_at: Optional[Time] = None,
        closed: Optional[bool] = None,
        set_by: Optional[str] = None,
        event_id: Optional[str] = None,
        event_time: Optional[Time] = None,
        source: Optional[str] = None,
        resource: Optional[Mapping[str, str]] = None,
    ) -> None:
        """A goal was set, or changed: it holds until the next one of its name.

        goal: name of the goal, unique within its operator or team
        metric: what is counted: a measure or KPI, e.g. training.session.sessions
        target: value to be reached, in the unit
        unit: unit of the target, e.g. sessions
        scope: whose goal: operator, team or tenant
        operator: operator whose goal it is; may be a pseudonym; empty: none alone
        team: team that it belongs to; empty: none is told
        description: the goal in words
        due_at: when it is to be reached; null: at any time
        closed: whether it is given up
        set_by: who set it; may be a pseudonym
        """
        self._emit(
            "goal.set",
            {
                "goal": goal,
                "metric": metric,
                "target": target,
                "unit": unit,
                "scope": scope,
                "operator": operator,
                "team": team,
                "description": description,
                "due_at": due_at,
                "closed": closed,
                "set_by": set_by,
                "event_id": event_id,
                "event_time": event_time,
                "source": source,
                "resource": resource,
            },
        )

    @guarded
    def incident_recorded(
        self,
        *,
        incident_id: str,
        service_name: str,
        opened_at: Time,
        environment: Optional[str] = None,
        team: Optional[str] = None,
        severity: Optional[str] = None,
        detected_at: Optional[Time] = None,
        resolved_at: Optional[Time] = None,
        deployment_id: Optional[str] = None,
        event_id: Optional[str] = None,
        event_time: Optional[Time] = None,
        source: Optional[str] = None,
        resource: Optional[Mapping[str, str]] = None,
    ) -> None:
        """An incident, sent once when it is over.

        incident_id: identity of the incident
        service_name: what suffered (service.name)
        opened_at: when users began to suffer
        environment: where, e.g. production (deployment.environment.name)
        team: team that it belongs to; empty: none is told
        severity: low, medium, high or critical
        detected_at: when somebody was told; null: not known
        resolved_at: when it was over; null: not known
        deployment_id: deployment that caused it; null: none did
        """
        self._emit(
            "incident.recorded",
            {
                "incident_id": incident_id,
                "service_name": service_name,
                "opened_at": opened_at,
                "environment": environment,
                "team": team,
                "severity": severity,
                "detected_at": detected_at,
                "resolved_at": resolved_at,
                "deployment_id": deployment_id,
                "event_id": event_id,
                "event_time": event_time,
                "source": source,
                "resource": resource,
            },
        )

    @guarded
    def llm_call(
        self,
        *,
        provider: str,
        model: str,
        request_id: Optional[str] = None,
        engineer: Optional[Person] = None,
        session_id: Optional[str] = None,
        category: Optional[str] = None,
        tokens_input: Optional[int] = None,
        tokens_cache_read: Optional[int] = None,
        tokens_cache_write: Optional[int] = None,
        tokens_cache_write_5m: Optional[int] = None,
        tokens_cache_write_1h: Optional[int] = None,
        tokens_output: Optional[int] = None,
        tokens_reasoning: Optional[int] = None,
        cost_usd: Optional[float] = None,
        latency_ms: Optional[float] = None,
        first_token_ms: Optional[float] = None,
        success: Optional[bool] = None,
        error_type: Optional[str] = None,
        stop_reason: Optional[str] = None,
        service_tier: Optional[str] = None,
        usage_complete: Optional[bool] = None,
        event_id: Optional[str] = None,
        event_time: Optional[Time] = None,
        source: Optional[str] = None,
        resource: Optional[Mapping[str, str]] = None,
    ) -> None:
        """One call of a language model. Token classes are disjoint: they add up to everything
        that was processed. What a source does not tell is null, not 0.

        provider: e.g. anthropic, openai, azure
        model: model as the provider names it
        request_id: the provider's request or message id; identifies the call across copied and
            resumed logs
        engineer: who; left out, the client's
        session_id: session or conversation
        category: what it was for, e.g. coding, review, chat
        tokens_input: input tokens read at full price (neither read from nor written to a
            cache); null: not told
        tokens_cache_read: input tokens read from a cache; null: not told
        tokens_cache_write: input tokens written to a cache, whatever their lifetime there;
            null: not told
        tokens_cache_write_5m: those of tokens_cache_write that live for five minutes; null: the
            source does not tell
        tokens_cache_write_1h: those of tokens_cache_write that live for an hour; null: the
            source does not tell
        tokens_output: output tokens without reasoning, unless the source does not tell them
            apart; null: not told
        tokens_reasoning: reasoning tokens; null: not told, they may be among the output
        cost_usd: cost as reported by the source; else the price book is used
        latency_ms: request to last token
        first_token_ms: request to first token
        success: whether an answer came
        error_type: class of the error, if any
        stop_reason: why the output ended
        service_tier: tier that the provider served it in, as it names it, e.g. batch, priority;
            empty: the source does not tell
        usage_complete: whether the token counts are those of the whole call; false: e.g. a
            stream that broke off; null: the source does not tell
        """
        self._emit(
            "llm.call",
            {
                "provider": provider,
                "model": model,
                "request_id": request_id,
                "engineer": engineer,
                "session_id": session_id,
                "category": category,
                "tokens_input": tokens_input,
                "tokens_cache_read": tokens_cache_read,
                "tokens_cache_write": tokens_cache_write,
                "tokens_cache_write_5m": tokens_cache_write_5m,
                "tokens_cache_write_1h": tokens_cache_write_1h,
                "tokens_output": tokens_output,
                "tokens_reasoning": tokens_reasoning,
                "cost_usd": cost_usd,
                "latency_ms": latency_ms,
                "first_token_ms": first_token_ms,
                "success": success,
                "error_type": error_type,
                "stop_reason": stop_reason,
                "service_tier": service_tier,
                "usage_complete": usage_complete,
                "event_id": event_id,
                "event_time": event_time,
                "source": source,
                "resource": resource,
            },
            "engineer",
        )

    @guarded
    def model_trained(
        self,
        *,
        model: str,
        training_seconds: float,
        model_version: Optional[str] = None,
        component: Optional[str] = None,
        trigger: Optional[str] = None,
        success: Optional[bool] = None,
        error_type: Optional[str] = None,
        model_size_mb: Optional[float] = None,
        memory_mb: Optional[float] = None,
        cpu_percent: Optional[float] = None,
        samples: Optional[int] = None,
        r2: Optional[float] = None,
        f1: Optional[float] = None,
        precision: Optional[float] = None,
        recall: Optional[float] = None,
        accuracy: Optional[float] = None,
        cost_usd: Optional[float] = None,
        event_id: Optional[str] = None,
        event_time: Optional[Time] = None,
        source: Optional[str] = None,
        resource: Optional[Mapping[str, str]] = None,
    ) -> None:
        """A model was trained.

        model: name of the model, e.g. epic_trajectory_prediction
        training_seconds: how long it took, in s
        model_version: version that came of it; empty: none
        component: part of the system that trained it, e.g. data_intelligence; empty: not told
        trigger: why: schedule, drift, feedback or manual; empty: not told
        success: whether a model came of it
        error_type: class of the error, if any; timeout where it took too long
        model_size_mb: size of the model, in MB; null: not told
        memory_mb: most memory that training used, in MB; null: not measured
        cpu_percent: mean processor use of training, in percent of the machine; null: not
            measured
        samples: samples that it was trained on; null: not told
        r2: coefficient of determination on data held back; null: not such a model
        f1: F1 on data held back, 0 to 1; null: not such a model
        precision: precision on data held back, 0 to 1; null: not such a model
        recall: recall on data held back, 0 to 1; null: not such a model
        accuracy: share of classes that were right on data held back, 0 to 1; null: not such a
            model
        cost_usd: cost of training, in USD; null: not known
        """
        self._emit(
            "model.trained",
            {
                "model": model,
                "training_seconds": training_seconds,
                "model_version": model_version,
                "component": component,
                "trigger": trigger,
                "success": success,
                "error_type": error_type,
                "model_size_mb": model_size_mb,
                "memory_mb": memory_mb,
                "cpu_percent": cpu_percent,
                "samples": samples,
                "r2": r2,
                "f1": f1,
                "precision": precision,
                "recall": recall,
                "accuracy": accuracy,
                "cost_usd": cost_usd,
                "event_id": event_id,
                "event_time": event_time,
                "source": source,
                "resource": resource,
            },
        )

    @guarded
    def optimization_sampled(
        self,
        *,
        system: str,
        team: Optional[str] = None,
        tokens_before: Optional[int] = None,
        tokens_after: Optional[int] = None,
        cache_hits: Optional[int] = None,
        cache_misses: Optional[int] = None,
        response_ms_before: Optional[float] = None,
        response_ms_after: Optional[float] = None,
        compression_quality: Optional[float] = None,
        integrity_ok: Optional[bool] = None,
        tasks_completed: Optional[int] = None,
        tasks_failed: Optional[int] = None,
        errors: Optional[int] = None,
        requests: Optional[int] = None,
        up_seconds: Optional[float] = None,
        down_seconds: Optional[float] = None,
        budget_usd: Optional[float] = None,
        spent_usd: Optional[float] = None,
        cost_saved_usd: Optional[float] = None,
        satisfaction: Optional[float] = None,
        accuracy: Optional[float] = None,
        utilization_percent: Optional[float] = None,
        event_id: Optional[str] = None,
        event_time: Optional[Time] = None,
        source: Optional[str] = None,
        resource: Optional[Mapping[str, str]] = None,
    ) -> None:
        """What an optimising system (content loader, cache, token monitor ...) did since its
        last sample.

        system: name of the system, e.g. smart-cache
        team: team that it belongs to; empty: none is told
        tokens_before: tokens that there were to send
        tokens_after: tokens that were sent
        cache_hits: look-ups that the cache answered
        cache_misses: look-ups that it did not answer
        response_ms_before: response time without the system, in ms; null: not measured
        response_ms_after: response time with it, in ms; null: not measured
        compression_quality: quality of compressed content, 0 to 100; null: not measured
        integrity_ok: whether content came through unharmed; null: not checked
        tasks_completed: tasks that were finished
        tasks_failed: tasks that were given up
        errors: requests that ended with an error
        requests: requests in all
        up_seconds: time in which the system could be used, in s
        down_seconds: time in which it could not, in s
        budget_usd: money planned for the time of the sample, in USD; null: no budget
        spent_usd: money spent in it, in USD
        cost_saved_usd: money saved in it, in USD
        satisfaction: satisfaction of users, 1 to 5; null: nobody was asked
        accuracy: share of answers that were right, 0 to 1; null: not measured
        utilization_percent: share of its resources in use, 0 to 100; null: not measured
        """
        self._emit(
            "optimization.sampled",
            {
                "system": system,
                "team": team,
                "tokens_before": tokens_before,
                "tokens_after": tokens_after,
                "cache_hits": cache_hits,
                "cache_misses": cache_misses,
                "response_ms_before": response_ms_before,
                "response_ms_after": response_ms_after,
                "compression_quality": compression_quality,
                "integrity_ok": integrity_ok,
                "tasks_completed": tasks_completed,
                "tasks_failed": tasks_failed,
                "errors": errors,
                "requests": requests,
                "up_seconds": up_seconds,
                "down_seconds": down_seconds,
                "budget_usd": budget_usd,
                "spent_usd": spent_usd,
                "cost_saved_usd": cost_saved_usd,
                "satisfaction": satisfaction,
                "accuracy": accuracy,
                "utilization_percent": utilization_percent,
                "event_id": event_id,
                "event_time": event_time,
                "source": source,
                "resource": resource,
            },
        )

    @guarded
    def otel_doubled(
        self,
        *,
        emitter: str,
        event: str,
        version: Optional[str] = None,
        session_id: Optional[str] = None,
        event_id: Optional[str] = None,
        event_time: Optional[Time] = None,
        source: Optional[str] = None,
        resource: Optional[Mapping[str, str]] = None,
    ) -> None:
        """A call that came over OpenTelemetry after an import of logs had published it: it
        counts once, by the log.

        emitter: who sent it: the name of its declaration in schemas/otlp
        event: event type that it would have been: llm.call or tool.called
        version: its version; empty: not told
        session_id: session or conversation
        """
        self._emit(
            "otel.doubled",
            {
                "emitter": emitter,
                "event": event,
                "version": version,
                "session_id": session_id,
                "event_id": event_id,
                "event_time": event_time,
                "source": source,
                "resource": resource,
            },
        )

    @guarded
    def otel_unmapped(
        self,
        *,
        emitter: str,
        signal: str,
        records: int,
        version: Optional[str] = None,
        name: Optional[str] = None,
        example: Optional[str] = None,
        event_id: Optional[str] = None,
        event_time: Optional[Time] = None,
        source: Optional[str] = None,
        resource: Optional[Mapping[str, str]] = None,
    ) -> None:
        """Records of OpenTelemetry that no declaration understands.

        emitter: who made the records: a declared emitter, else the service's or scope's name
        signal: logs, metrics or traces
        records: how many of them one request held
        version: its version; empty: not told
        name: name of the record's event, span or metric
        example: one of them as JSON; of texts the length alone
        """
        self._emit(
            "otel.unmapped",
            {
                "emitter": emitter,
                "signal": signal,
                "records": records,
                "version": version,
                "name": name,
                "example": example,
                "event_id": event_id,
                "event_time": event_time,
                "source": source,
                "resource": resource,
            },
        )

    @guarded
    def procedure_feedback(
        self,
        *,
        procedure: str,
        clarity: Optional[float] = None,
        usefulness: Optional[float] = None,
        comment: Optional[str] = None,
        agent: Optional[str] = None,
        team: Optional[str] = None,
        event_id: Optional[str] = None,
        event_time: Optional[Time] = None,
        source: Optional[str] = None,
        resource: Optional[Mapping[str, str]] = None,
    ) -> None:
        """What an agent or a person thinks of a procedure.

        procedure: id of the procedure, e.g. github/PROC-1
        clarity: how clear it is, 1 to 5; null: not rated
        usefulness: how useful it is, 1 to 5; null: not rated
        comment: what was said about it
        agent: agent that says so (gen_ai.agent.name); empty: not told
        team: team that it belongs to; empty: none is told
        """
        self._emit(
            "procedure.feedback",
            {
                "procedure": procedure,
                "clarity": clarity,
                "usefulness": usefulness,
                "comment": comment,
                "agent": agent,
                "team": team,
                "event_id": event_id,
                "event_time": event_time,
                "source": source,
                "resource": resource,
            },
        )

    @guarded
    def procedure_invoked(
        self,
        *,
        procedure: str,
        status: str,
        duration_ms: float,
        task: Optional[str] = None,
        agent: Optional[str] = None,
        team: Optional[str] = None,
        error_type: Optional[str] = None,
        event_id: Optional[str] = None,
        event_time: Optional[Time] = None,
        source: Optional[str] = None,
        resource: Optional[Mapping[str, str]] = None,
    ) -> None:
        """An agent followed a procedure.

        procedure: id of the procedure, e.g. github/PROC-1
        status: success, failure or aborted
        duration_ms: how long it took, in ms
        task: kind of task that it was for; empty: not told
        agent: agent that followed it (gen_ai.agent.name); empty: not told
        team: team that it belongs to; empty: none is told
        error_type: class of the error, if any
        """
        self._emit(
            "procedure.invoked",
            {
                "procedure": procedure,
                "status": status,
                "duration_ms": duration_ms,
                "task": task,
                "agent": agent,
                "team": team,
                "error_type": error_type,
                "event_id": event_id,
                "event_time": event_time,
                "source": source,
                "resource": resource,
            },
        )

    @guarded
    def process_acted(
        self,
        *,
        command: str,
        host_name: str,
        outcome: str,
        actor: Optional[str] = None,
        process_pid: Optional[int] = None,
        process_executable_name: Optional[str] = None,
        force: Optional[bool] = None,
        confirmed: Optional[bool] = None,
        reason: Optional[str] = None,
        found: Optional[int] = None,
        duration_ms: Optional[float] = None,
        parameters: Optional[Mapping[str, str]] = None,
        event_id: Optional[str] = None,
        event_time: Optional[Time] = None,
        source: Optional[str] = None,
        resource: Optional[Mapping[str, str]] = None,
    ) -> None:
        """A command about processes was given: the audit of what was looked at and what was
        ended.

        command: detail, kill, anomalies, tree, watch, snapshot or system
        host_name: machine (host.name)
        outcome: done, refused, declined, not_found or failed
        actor: who gave it; may be a pseudonym
        process_pid: process that it was about (process.pid); null: none alone
        process_executable_name: name of its program (process.executable.name)
        force: whether the process was to be ended without a chance to clean up
        confirmed: whether a person said yes; null: nobody was asked
        reason: why, as the actor says
        found: processes that it showed; null: not a listing
        duration_ms: how long it took, in ms
        parameters: what it was called with, e.g. cpu_threshold
        """
        self._emit(
            "process.acted",
            {
                "command": command,
                "host_name": host_name,
                "outcome": outcome,
                "actor": actor,
                "process_pid": process_pid,
                "process_executable_name": process_executable_name,
                "force": force,
                "confirmed": confirmed,
                "reason": reason,
                "found": found,
                "duration_ms": duration_ms,
                "parameters": parameters,
                "event_id": event_id,
                "event_time": event_time,
                "source": source,
                "resource": resource,
            },
        )

    @guarded
    def process_sampled(
        self,
        *,
        host_name: str,
        process_pid: int,
        process_executable_name: str,
        cpu_percent: float,
        memory_mb: float,
        runtime_seconds: float,
        process_parent_pid: Optional[int] = None,
        process_owner: Optional[str] = None,
        process_command_line: Optional[str] = None,
        memory_percent: Optional[float] = None,
        threads: Optional[int] = None,
        disk_read_bytes: Optional[int] = None,
        disk_write_bytes: Optional[int] = None,
        event_id: Optional[str] = None,
        event_time: Optional[Time] = None,
        source: Optional[str] = None,
        resource: Optional[Mapping[str, str]] = None,
    ) -> None:
        """What one process used at a moment.

        host_name: machine (host.name)
        process_pid: id of the process (process.pid)
        process_executable_name: name of its program (process.executable.name)
        cpu_percent: processor time used, in percent of one core
        memory_mb: resident memory, in MB
        runtime_seconds: time since it began, in s
        process_parent_pid: id of its parent (process.parent_pid)
        process_owner: user that it runs as (process.owner); empty: not told
        process_command_line: its command line (process.command_line); null: not sent
        memory_percent: share of the machine's memory, 0 to 100
        threads: its threads (process.thread.count)
        disk_read_bytes: read from disks since it began, in bytes
        disk_write_bytes: written to disks since it began, in bytes
        """
        self._emit(
            "process.sampled",
            {
                "host_name": host_name,
                "process_pid": process_pid,
                "process_executable_name": process_executable_name,
                "cpu_percent": cpu_percent,
                "memory_mb": memory_mb,
                "runtime_seconds": runtime_seconds,
                "process_parent_pid": process_parent_pid,
                "process_owner": process_owner,
                "process_command_line": process_command_line,
                "memory_percent": memory_percent,
                "threads": threads,
                "disk_read_bytes": disk_read_bytes,
                "disk_write_bytes": disk_write_bytes,
                "event_id": event_id,
                "event_time": event_time,
                "source": source,
                "resource": resource,
            },
        )

    @guarded
    def productivity_recorded(
        self,
        *,
        engineer: Optional[Person] = None,
        repository: Optional[str] = None,
        change_kind: Optional[str] = None,
        assistant: Optional[str] = None,
        change_id: Optional[str] = None,
        commits: Optional[int] = None,
        prs_created: Optional[int] = None,
        prs_merged: Optional[int] = None,
        lines_added: Optional[int] = None,
        lines_deleted: Optional[int] = None,
        files_changed: Optional[int] = None,
        test_coverage_percent: Optional[float] = None,
        bugs_fixed: Optional[int] = None,
        code_reviews_completed: Optional[int] = None,
        commits_with_tests: Optional[int] = None,
        event_id: Optional[str] = None,
        event_time: Optional[Time] = None,
        source: Optional[str] = None,
        resource: Optional[Mapping[str, str]] = None,
    ) -> None:
        """What one engineer produced: a day's totals, or one commit. Counts add up.

        engineer: who; left out, the client's
        repository: repository it belongs to
        change_kind: commit, merge or test for a single commit; empty for totals
        assistant: assistant named as author or co-author
        change_id: identity of the change, e.g. commit hash; identifies the event where present
        commits: commits made
        prs_created: pull requests opened
        prs_merged: pull requests merged
        lines_added: lines added
        lines_deleted: lines deleted
        files_changed: files changed
        test_coverage_percent: share of code that tests cover, 0 to 100; replaces the earlier
            value of the day
        bugs_fixed: bugs fixed
        code_reviews_completed: code reviews finished
        commits_with_tests: of the commits, those that change a test (tests alone or among
            others); null where it is not known
        """
        self._emit(
            "productivity.recorded",
            {
                "engineer": engineer,
                "repository": repository,
                "change_kind": change_kind,
                "assistant": assistant,
                "change_id": change_id,
                "commits": commits,
                "prs_created": prs_created,
                "prs_merged": prs_merged,
                "lines_added": lines_added,
                "lines_deleted": lines_deleted,
                "files_changed": files_changed,
                "test_coverage_percent": test_coverage_percent,
                "bugs_fixed": bugs_fixed,
                "code_reviews_completed": code_reviews_completed,
                "commits_with_tests": commits_with_tests,
                "event_id": event_id,
                "event_time": event_time,
                "source": source,
                "resource": resource,
            },
            "engineer",
        )

    @guarded
    def resource_sampled(
        self,
        *,
        component: str,
        service_name: Optional[str] = None,
        host_name: Optional[str] = None,
        cpu_percent: Optional[float] = None,
        memory_mb: Optional[float] = None,
        memory_percent: Optional[float] = None,
        disk_percent: Optional[float] = None,
        network_receive_bytes: Optional[int] = None,
        network_transmit_bytes: Optional[int] = None,
        queue_size: Optional[int] = None,
        connections: Optional[int] = None,
        concurrency: Optional[int] = None,
        overhead_percent: Optional[float] = None,
        event_id: Optional[str] = None,
        event_time: Optional[Time] = None,
        source: Optional[str] = None,
        resource: Optional[Mapping[str, str]] = None,
    ) -> None:
        """What a component used at a moment.

        component: part of the system, e.g. cognitive_core
        service_name: service (service.name); empty: not told
        host_name: machine (host.name); empty: not told
        cpu_percent: processor use, in percent of what it may use; null: not measured
        memory_mb: memory in use, in MB; null: not measured
        memory_percent: share of its memory in use, 0 to 100; null: not measured
        disk_percent: share of its disk in use, 0 to 100; null: not measured
        network_receive_bytes: received since the last sample, in bytes; null: not measured
        network_transmit_bytes: sent since the last sample, in bytes; null: not measured
        queue_size: requests that wait; null: it has no queue
        connections: open connections; null: it has none
        concurrency: requests under way; null: not measured
        overhead_percent: share of the host that measuring itself costs, 0 to 100; null: not
            measured
        """
        self._emit(
            "resource.sampled",
            {
                "component": component,
                "service_name": service_name,
                "host_name": host_name,
                "cpu_percent": cpu_percent,
                "memory_mb": memory_mb,
                "memory_percent": memory_percent,
                "disk_percent": disk_percent,
                "network_receive_bytes": network_receive_bytes,
                "network_transmit_bytes": network_transmit_bytes,
                "queue_size": queue_size,
                "connections": connections,
                "concurrency": concurrency,
                "overhead_percent": overhead_percent,
                "event_id": event_id,
                "event_time": event_time,
                "source": source,
                "resource": resource,
            },
        )

    @guarded
    def savings_recorded(
        self,
        *,
        engineer: Optional[Person] = None,
        capability: Optional[str] = None,
        provider: Optional[str] = None,
        model: Optional[str] = None,
        tokens_saved: Optional[int] = None,
        api_calls_avoided: Optional[int] = None,
        time_saved_minutes: Optional[float] = None,
        event_id: Optional[str] = None,
        event_time: Optional[Time] = None,
        source: Optional[str] = None,
        resource: Optional[Mapping[str, str]] = None,
    ) -> None:
        """What an assistant saved one engineer: a day's totals, or one occasion. Counts add up.

        engineer: who; left out, the client's
        capability: capability that saved it; empty: all together
        provider: provider of the model whose calls were avoided; empty: not told
        model: model whose calls were avoided, which decides their price; empty: not told
        tokens_saved: tokens that need not be sent thanks to it
        api_calls_avoided: calls that were not needed thanks to it
        time_saved_minutes: working time saved as reported by the source, in minutes
        """
        self._emit(
            "savings.recorded",
            {
                "engineer": engineer,
                "capability": capability,
                "provider": provider,
                "model": model,
                "tokens_saved": tokens_saved,
                "api_calls_avoided": api_calls_avoided,
                "time_saved_minutes": time_saved_minutes,
                "event_id": event_id,
                "event_time": event_time,
                "source": source,
                "resource": resource,
            },
            "engineer",
        )

    @guarded
    def seat_granted(
        self,
        *,
        tool: str,
        cost_usd_per_30_days: float,
        engineer: Optional[Person] = None,
        plan: Optional[str] = None,
        seats: Optional[int] = None,
        granted_by: Optional[str] = None,
        event_id: Optional[str] = None,
        event_time: Optional[Time] = None,
        source: Optional[str] = None,
        resource: Optional[Mapping[str, str]] = None,
    ) -> None:
        """A paid seat of a tool was given to an engineer, or taken back: it holds until the
        next one.

        tool: product that the seat is for, e.g. claude-code
        cost_usd_per_30_days: price of the seat for 30 days, in USD
        engineer: who; left out, the client's
        plan: plan as its vendor names it; empty: not told
        seats: seats that the engineer has from now on: 1, or 0 where it is taken back
        granted_by: who gave it; may be a pseudonym
        """
        self._emit(
            "seat.granted",
            {
                "tool": tool,
                "cost_usd_per_30_days": cost_usd_per_30_days,
                "engineer": engineer,
                "plan": plan,
                "seats": seats,
                "granted_by": granted_by,
                "event_id": event_id,
                "event_time": event_time,
                "source": source,
                "resource": resource,
            },
            "engineer",
        )

    @guarded
    def skill_scored(
        self,
        *,
        operator: Person,
        skill: str,
        score: float,
        method: Optional[str] = None,
        scenario: Optional[str] = None,
        session_id: Optional[str] = None,
        event_id: Optional[str] = None,
        event_time: Optional[Time] = None,
        source: Optional[str] = None,
        resource: Optional[Mapping[str, str]] = None,
    ) -> None:
        """How well an operator masters a skill, as measured now.

        operator: who is trained
        skill: name of the skill, e.g. reconnaissance
        score: mastery, 0 to 1
        method: how it was measured, e.g. session, exam, peer; empty: not told
        scenario: scenario that it was measured in; empty: none
        session_id: training session that it was measured in
        """
        self._emit(
            "skill.scored",
            {
                "operator": operator,
                "skill": skill,
                "score": score,
                "method": method,
                "scenario": scenario,
                "session_id": session_id,
                "event_id": event_id,
                "event_time": event_time,
                "source": source,
                "resource": resource,
            },
            "operator",
        )

    @guarded
    def tool_called(
        self,
        *,
        tool: str,
        call_id: Optional[str] = None,
        engineer: Optional[Person] = None,
        session_id: Optional[str] = None,
        agent: Optional[str] = None,
        model: Optional[str] = None,
        success: Optional[bool] = None,
        exit_code: Optional[int] = None,
        error_type: Optional[str] = None,
        decision: Optional[str] = None,
        decided_by: Optional[str] = None,
        waited_ms: Optional[float] = None,
        duration_ms: Optional[float] = None,
        result_tokens: Optional[int] = None,
        event_id: Optional[str] = None,
        event_time: Optional[Time] = None,
        source: Optional[str] = None,
        resource: Optional[Mapping[str, str]] = None,
    ) -> None:
        """An assistant called a tool, or wanted to.

        tool: name of the tool (gen_ai.tool.name), e.g. Bash
        call_id: identity of the call (gen_ai.tool.call.id); identifies the event where present
        engineer: who; left out, the client's
        session_id: session or conversation (session.id, gen_ai.conversation.id)
        agent: assistant that called (gen_ai.agent.name), e.g. claude-code; empty: not told
        model: model that asked for it (gen_ai.request.model); empty: not told
        success: whether the tool ran; what it ran may have failed; null: it was not let, or not
            told
        exit_code: exit code of the command that it ran; null: it ran none, or not told
        error_type: class of the error, if any (error.type)
        decision: accepted, rejected or blocked; empty: nobody was asked
        decided_by: who decided: user, config, hook or policy; empty: not told
        waited_ms: how long the decision was waited for, in ms; null: not told
        duration_ms: how long the tool ran, in ms; null: it did not, or not told
        result_tokens: size of what it gave back, in tokens; null: not known
        """
        self._emit(
            "tool.called",
            {
                "tool": tool,
                "call_id": call_id,
                "engineer": engineer,
                "session_id": session_id,
                "agent": agent,
                "model": model,
                "success": success,
                "exit_code": exit_code,
                "error_type": error_type,
                "decision": decision,
                "decided_by": decided_by,
                "waited_ms": waited_ms,
                "duration_ms": duration_ms,
                "result_tokens": result_tokens,
                "event_id": event_id,
                "event_time": event_time,
                "source": source,
                "resource": resource,
            },
            "engineer",
        )

    @guarded
    def training_session(
        self,
        *,
        session_id: str,
        operator: Person,
        scenario: str,
        started_at: Time,
        ended_at: Time,
        duration_seconds: float,
        success: bool,
        score: float,
        cost_usd: Optional[float] = None,
        skills: Optional[Sequence[str]] = None,
        objectives_completed: Optional[int] = None,
        objectives_total: Optional[int] = None,
        event_id: Optional[str] = None,
        event_time: Optional[Time] = None,
        source: Optional[str] = None,
        resource: Optional[Mapping[str, str]] = None,
    ) -> None:
        """A training session of an operator, sent once when it is over.

        session_id: identity of the session (session.id)
        operator: who is trained
        scenario: what was trained, e.g. pentest_001
        started_at: when it began
        ended_at: when it ended
        duration_seconds: time spent in it, in s
        success: whether the goal of the scenario was reached
        score: score, 0 to 1
        cost_usd: what the session cost, in USD
        skills: skills that were practised
        objectives_completed: objectives that were reached
        objectives_total: objectives that there were
        """
        self._emit(
            "training.session",
            {
                "session_id": session_id,
                "operator": operator,
                "scenario": scenario,
                "started_at": started_at,
                "ended_at": ended_at,
                "duration_seconds": duration_seconds,
                "success": success,
                "score": score,
                "cost_usd": cost_usd,
                "skills": skills,
                "objectives_completed": objectives_completed,
                "objectives_total": objectives_total,
                "event_id": event_id,
                "event_time": event_time,
                "source": source,
                "resource": resource,
            },
            "operator",
        )
