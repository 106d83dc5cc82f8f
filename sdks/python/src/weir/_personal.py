"""What of an event tells who somebody is. Made by sdks/generate.py: not edited by hand."""

from typing import Dict, Tuple

Names = Tuple[str, ...]

# Of each map: `kept` keys, or those that are `replaced`.
MAPS: Dict[str, Tuple[str, Names]] = {
    "parameters": (
        "kept",
        (
        ),
    ),
    "resource": (
        "kept",
        (
            "cloud.provider",
            "cloud.region",
            "deployment.environment",
            "deployment.environment.name",
            "host.arch",
            "os.type",
            "os.version",
            "platform",
            "process.runtime.name",
            "process.runtime.version",
            "service.name",
            "service.version",
            "team",
            "telemetry.",
            "vcs.repository.name",
            "weir.emitter",
            "weir.emitter.version",
            "weir.import",
            "weir.time.placed",
        ),
    ),
    "subject": (
        "replaced",
        (
            "engineer",
            "operator",
            "host",
            "user",
        ),
    ),
}

# Of each event type: paths of people, paths of other texts, maps.
EVENTS: Dict[str, Tuple[Names, Names, Names]] = {
    "ai.feedback": (
        ("user_id",),
        ("correction", "source"),
        ("resource",),
    ),
    "ai.inference": (
        (),
        ("source",),
        ("resource",),
    ),
    "ai.outcome": (
        (),
        ("source",),
        ("resource",),
    ),
    "ai.query": (
        ("user_id",),
        ("source",),
        ("resource",),
    ),
    "alert.acknowledged": (
        ("engineer.email",),
        ("note", "source"),
        ("resource",),
    ),
    "alert.silenced": (
        ("engineer.email",),
        ("reason", "source"),
        ("resource", "subject"),
    ),
    "assistant.recorded": (
        ("engineer.email",),
        ("source",),
        ("resource",),
    ),
    "audit.recorded": (
        ("actor",),
        ("reason", "source"),
        ("resource",),
    ),
    "baseline.captured": (
        ("captured_by",),
        ("source",),
        ("resource",),
    ),
    "budget.set": (
        ("engineer", "set_by"),
        ("source",),
        ("resource",),
    ),
    "capability.executed": (
        ("engineer.email",),
        ("source",),
        ("resource",),
    ),
    "certification.granted": (
        ("operator.email",),
        ("source",),
        ("resource",),
    ),
    "deployment.recorded": (
        (),
        ("source",),
        ("resource",),
    ),
    "emitter.metered": (
        (),
        ("source",),
        ("resource",),
    ),
    "emitter.observed": (
        (),
        ("source",),
        ("resource",),
    ),
    "engineer.registered": (
        ("engineer.email",),
        ("host_name", "name", "source"),
        ("resource",),
    ),
    "experiment.observed": (
        (),
        ("source", "unit_id"),
        ("resource",),
    ),
    "goal.set": (
        ("operator", "set_by"),
        ("description", "source"),
        ("resource",),
    ),
    "incident.recorded": (
        (),
        ("source",),
        ("resource",),
    ),
    "llm.call": (
        ("engineer.email",),
        ("source",),
        ("resource",),
    ),
    "model.trained": (
        (),
        ("source",),
        ("resource",),
    ),
    "optimization.sampled": (
        (),
        ("source",),
        ("resource",),
    ),
    "otel.doubled": (
        (),
        ("source",),
        ("resource",),
    ),
    "otel.unmapped": (
        (),
        ("source",),
        ("resource",),
    ),
    "procedure.feedback": (
        (),
        ("comment", "source"),
        ("resource",),
    ),
    "procedure.invoked": (
        (),
        ("source",),
        ("resource",),
    ),
    "process.acted": (
        ("actor",),
        ("host_name", "reason", "source"),
        ("parameters", "resource"),
    ),
    "process.sampled": (
        (),
        ("host_name", "process_command_line", "process_owner", "source"),
        ("resource",),
    ),
    "productivity.recorded": (
        ("engineer.email",),
        ("source",),
        ("resource",),
    ),
    "resource.sampled": (
        (),
        ("host_name", "source"),
        ("resource",),
    ),
    "savings.recorded": (
        ("engineer.email",),
        ("source",),
        ("resource",),
    ),
    "seat.granted": (
        ("engineer.email", "granted_by"),
        ("source",),
        ("resource",),
    ),
    "skill.scored": (
        ("operator.email",),
        ("source",),
        ("resource",),
    ),
    "tool.called": (
        ("engineer.email",),
        ("source",),
        ("resource",),
    ),
    "training.session": (
        ("operator.email",),
        ("source",),
        ("resource",),
    ),
}
