//! Named questions: those of `weir query`, about the tenant of the token.

use crate::fault::Fault;
use crate::page::Told;
use crate::params::Params;
use crate::persons;
use crate::resources::Nothing;
use crate::state::Asker;
use axum::body::Body;
use axum::extract::{Path, RawQuery};
use axum::http::Response;
use serde::Serialize;
use utoipa::ToSchema;
use weir_ops::Asked;
use weir_ops::question::Coverage;
use weir_store::reader::Row;
use weir_store::{Param, StoreError};

/// The parameter that a token stands for.
const TENANT: &str = "tenant";
/// The parameter that says what KPIs stand on.
const OF: &str = "of";

/// A question, and what it takes.
#[derive(Serialize, ToSchema)]
pub(crate) struct Question {
    #[schema(example = "top-models")]
    name: String,
    title: String,
    parameters: Vec<Parameter>,
}

/// What a question takes.
#[derive(Serialize, ToSchema)]
struct Parameter {
    #[schema(example = "days")]
    name: String,
    /// Type in ClickHouse.
    #[schema(example = "UInt32")]
    kind: String,
    /// Where it is left out.
    default: String,
    help: String,
}

/// The answer to a question.
#[derive(Serialize, ToSchema)]
pub(crate) struct Answer {
    title: String,
    /// Rows, by column.
    #[schema(value_type = Vec<Object>)]
    pub(super) rows: Vec<Row>,
    /// What there is to say beside an answer about a period.
    #[schema(value_type = Option<Object>)]
    coverage: Option<Coverage>,
}

/// Only a question that can be about one tenant is one here.
fn is_for_a_tenant(q: &&weir_store::Question) -> bool {
    q.parameters.iter().any(|p| p.name == TENANT)
}

/// The named questions.
#[utoipa::path(get, path = "/v1/questions", tag = "questions",
    responses((status = 200, body = Told<Vec<Question>>)))]
pub(crate) async fn questions(
    asker: Asker,
    Params(Nothing {}): Params<Nothing>,
) -> Result<Response<Body>, Fault> {
    let parameter = |p: &weir_store::Parameter| Parameter {
        name: p.name.clone(),
        kind: p.kind.clone(),
        default: p.default.clone(),
        help: p.help.clone(),
    };
    let told = |q: &weir_store::Question| Question {
        name: q.name.clone(),
        title: q.title.clone(),
        parameters: q
            .parameters
            .iter()
            .filter(|p| p.name != TENANT)
            .map(parameter)
            .collect(),
    };
    let all = asker.state.questions.iter().filter(is_for_a_tenant);
    let all: Vec<Question> = all.map(told).collect();
    Ok(asker.told_of_all(all).response())
}

/// The answer to one, with its parameters by name (`?days=7&limit=5`), as `/v1/questions` tells
/// them.
#[utoipa::path(get, path = "/v1/questions/{name}", tag = "questions",
    params(("name" = String, Path, example = "top-models")),
    responses((status = 200, body = Told<Answer>)))]
pub(crate) async fn question(
    asker: Asker,
    Path(name): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Response<Body>, Fault> {
    let query = query.unwrap_or_default();
    let given = form_urlencoded::parse(query.as_bytes()).into_owned();
    let answer = answered(&asker, &name, given.collect()).await?;
    Ok(asker.told_of_all(answer).response())
}

/// Asks a question, about the tenant of the token.
pub(super) async fn answered(
    asker: &Asker,
    name: &str,
    mut given: Vec<Param>,
) -> Result<Answer, Fault> {
    let all = || asker.state.questions.iter().filter(is_for_a_tenant);
    let known = || all().map(|q| q.name.as_str());
    let question = all().find(|q| q.name == name);
    let question = question.ok_or_else(|| Fault::missing("question", name, known()))?;
    if given.iter().any(|(n, _)| n == TENANT) {
        return Err(Fault::bad("`tenant` is that of the token: leave it out"));
    }
    given.push((TENANT.to_owned(), asker.tenant().to_owned()));
    of_persons(asker, question, &given).await?;
    let now = weir_http::now();
    let asked = Asked::named(question, &given, asker.catalog(), now);
    let asked = asked.map_err(|e| told(asker, e))?;
    let rows = asker.rows(&asked.sql, &asked.params).await?;
    let store = asker.store_within_limits().await?;
    let _turn = asker.turn().await?;
    let coverage = asked.coverage(&store, now, rows.is_empty()).await;
    Ok(Answer {
        title: question.title.clone(),
        coverage: coverage.map_err(|e| told(asker, e))?,
        rows,
    })
}

/// Refuses a question that could only be answered with persons, where the asker may not see them.
async fn of_persons(
    asker: &Asker,
    question: &weir_store::Question,
    given: &[Param],
) -> Result<(), Fault> {
    let Some(hidden) = asker.hidden().await? else {
        return Ok(());
    };
    let of = question.parameters.iter().find(|p| p.name == OF);
    let of = of.map(|p| {
        let said = given.iter().rfind(|(n, _)| n == OF);
        said.map_or(&p.default, |(_, v)| v)
    });
    let by_person = of.is_some_and(|of| of.split(',').any(|d| hidden.is_person(d)));
    match by_person || hidden.forbids(&question.text) {
        true => Err(persons::refused(&question.name)),
        false => Ok(()),
    }
}

fn told(asker: &Asker, error: anyhow::Error) -> Fault {
    match error.downcast::<StoreError>() {
        // On the command line parameters begin with two dashes.
        Ok(StoreError::Question(words)) => Fault::bad(words.replace("--", "")),
        Ok(e) => asker.tell(e),
        Err(e) => Fault::bad(format!("{e:#}")),
    }
}
