//! What can be asked over HTTP.

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Query, State};
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use http_body_util::BodyExt;
use scrubjay::{Headroom, Lease, Report};
use serde::Deserialize;
use tokio::sync::oneshot;
use tracing::Instrument;

use crate::pressure::Refusals;
use crate::tags;
use crate::workers::{Job, Workers};

/// The header of an answer that has its bill, as JSON.
pub const BILL: HeaderName = HeaderName::from_static("x-bill");
const PROMPT_MAX: usize = 2048;
const CONTEXT_MAX: usize = 4096;

/// What handlers share.
pub struct App {
    /// Who computes.
    pub workers: Workers,
    /// What was refused so far.
    pub refusals: Arc<Refusals>,
}

/// What stands behind `/generate?`; the body is the prompt.
#[derive(Deserialize)]
struct Parameters {
    /// Tokens of the answer at most.
    #[serde(default = "Parameters::tokens")]
    tokens: usize,
    /// Tokens of prompt and answer to reserve memory for.
    context: Option<usize>,
}

impl Parameters {
    fn tokens() -> usize {
        64
    }
}

/// Why a request has no answer.
enum Failure {
    /// There is no memory for it.
    Shed,
    /// It is wrong.
    Wrong(&'static str),
    /// It broke off, or nobody works any more.
    Broken,
}

/// All routes.
pub fn routes(app: Arc<App>) -> Router {
    Router::new()
        .route("/generate", post(generate))
        .route("/metrics", get(metrics))
        .route("/report", get(report))
        .with_state(app)
}

/// A request: its lease is around all that it takes, its bill is in the answer's
/// headers and is an event.
async fn generate(
    State(app): State<Arc<App>>,
    Query(parameters): Query<Parameters>,
    body: Body,
) -> Response {
    let request = Lease::pending("request");
    let work = answer(&app, &parameters, body).instrument(tracing::info_span!("http"));
    let (mut response, bill) = request.run(work).await;
    bill.log();
    // The bill's numbers and names are ASCII.
    if let Ok(bill) = HeaderValue::try_from(bill.to_json()) {
        response.headers_mut().insert(BILL, bill);
    }
    response
}

async fn answer(app: &App, parameters: &Parameters, body: Body) -> Response {
    match try_answer(app, parameters, body).await {
        // What the response takes is no longer the request's: it cannot be refused.
        Ok(answer) => Bytes::copy_from_slice(&answer).into_response(),
        Err(Failure::Shed) => {
            let _headroom = Headroom::use_it(); // what says no has to find memory, too
            let later = [(RETRY_AFTER, HeaderValue::from_static("1"))];
            (StatusCode::SERVICE_UNAVAILABLE, later, "no memory for this request now\n")
                .into_response()
        }
        Err(Failure::Wrong(why)) => (StatusCode::BAD_REQUEST, why).into_response(),
        Err(Failure::Broken) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

async fn try_answer(app: &App, parameters: &Parameters, body: Body) -> Result<Vec<u8>, Failure> {
    let prompt = read(body).await?;
    let count = parameters.tokens;
    let least = prompt.len().saturating_add(count);
    let context = parameters.context.unwrap_or(least);
    if !(least..=CONTEXT_MAX).contains(&context) {
        return Err(Failure::Wrong("the context is too large, or less than prompt and tokens\n"));
    }
    let (reply, answer) = oneshot::channel();
    if !app.workers.send(Job { prompt, count, context, reply }) {
        return Err(Failure::Broken);
    }
    answer.await.map_err(|_| Failure::Broken)?.map_err(|_| Failure::Shed)
}

/// The prompt, in memory that is a secret's.
async fn read(mut body: Body) -> Result<Vec<u8>, Failure> {
    let mut prompt = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| Failure::Broken)?;
        let Some(piece) = frame.data_ref() else { continue };
        if prompt.len() + piece.len() > PROMPT_MAX {
            return Err(Failure::Wrong("the prompt is too long\n"));
        }
        let _scope = tags::PROMPT.enter();
        prompt.try_reserve_exact(piece.len()).map_err(|_| Failure::Shed)?;
        prompt.extend_from_slice(piece);
    }
    if prompt.is_empty() || !prompt.is_ascii() {
        return Err(Failure::Wrong("the prompt is empty, or not ASCII\n"));
    }
    Ok(prompt)
}

async fn metrics() -> impl IntoResponse {
    let kind = HeaderValue::from_static(scrubjay::exports::open_metrics::CONTENT_TYPE);
    ([(CONTENT_TYPE, kind)], scrubjay::open_metrics())
}

async fn report(State(app): State<Arc<App>>) -> impl IntoResponse {
    let kind = HeaderValue::from_static("application/json");
    ([(CONTENT_TYPE, kind)], report_json(&app.refusals))
}

/// The ledger, the budgets, what was refused, and what an inner allocator counted.
pub fn report_json(refusals: &Refusals) -> String {
    let number =
        |number: Option<u64>| number.map_or("null".to_owned(), |number| number.to_string());
    let budgets: Vec<String> = (scrubjay::budgets().iter())
        .map(|budget| {
            format!(
                "{{\"name\":{:?},\"hard_bytes\":{},\"charged_bytes\":{},\"most_bytes\":{},\
                 \"refused_count\":{},\"soft_count\":{}}}",
                budget.name,
                number(budget.hard_bytes),
                budget.charged_bytes,
                budget.most_bytes,
                budget.refused_count,
                budget.soft_count,
            )
        })
        .collect();
    format!(
        "{{\"report\":{},\"budgets\":[{}],\"refusals\":{},\"inner\":{}}}\n",
        Report::now().to_json(),
        budgets.join(","),
        refusals.to_json(),
        inner_json(),
    )
}

#[cfg(feature = "counted")]
fn inner_json() -> String {
    let [most, lines_most] = crate::counting::most();
    format!("{{\"most\":{most},\"lines_most\":{lines_most}}}")
}

#[cfg(not(feature = "counted"))]
fn inner_json() -> String {
    "null".to_owned()
}
