//! The server: connections, and the way from its start to its end.

use std::fs::File;
use std::future::Future;
use std::io;
use std::mem;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use scrubjay::{Budget, Headroom, SpanTags};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Builder;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tracing_subscriber::layer::SubscriberExt;

use crate::arguments::Arguments;
use crate::error::Result;
use crate::pressure::{self, Refusals};
use crate::prompt_cache::PromptCache;
use crate::routes::{App, report_json, routes};
use crate::workers::{Shared, Workers};
use crate::{tags, weights};

/// Connections at one time; others wait for theirs.
const CONNECTIONS_MAX: usize = 128;
/// What a connection may buffer.
const BUFFER_SIZE: usize = 16 << 10;
/// What of the process's budget is for the way in and out: connections, responses,
/// spans. Workers, whose blocks are large, cannot use it.
const HEADROOM: u64 = 4 << 20;
const GRACE: Duration = Duration::from_secs(10);

/// Serves until SIGTERM or SIGINT, then answers what was begun.
///
/// # Errors
/// What the system says.
pub fn run(arguments: &Arguments) -> Result<()> {
    scrubjay::set_budget(Budget::hard(arguments.process_budget).headroom(HEADROOM));
    tags::declare();
    // Whoever carries requests in and out may use the headroom, always.
    let _headroom = Headroom::use_it();
    let runtime = Builder::new_multi_thread()
        .enable_all()
        .worker_threads(2)
        .on_thread_start(|| mem::forget(Headroom::use_it()))
        .build()?;
    let bills = File::create(arguments.directory.join("bills.log"))?;
    let events = tracing_subscriber::fmt::layer().with_ansi(false).with_writer(Mutex::new(bills));
    let spans = SpanTags::by_name().with(&tags::HTTP);
    tracing::subscriber::set_global_default(
        tracing_subscriber::registry().with(spans).with(events),
    )?;

    let path = arguments.directory.join("model.safetensors");
    weights::write(&path)?;
    let model = weights::load(&path)?;
    let shared = Arc::new(Shared { model, prompts: PromptCache::new() });
    let refusals = Arc::new(Refusals::default());
    let watch = pressure::watch(Arc::clone(&shared), Arc::clone(&refusals))?;
    let workers = Workers::start(arguments.workers, &shared)?;
    let app = Arc::new(App { workers, refusals: Arc::clone(&refusals) });
    runtime.block_on(serve(arguments.port, routes(Arc::clone(&app))))?;
    drop(runtime);

    if let Some(app) = Arc::into_inner(app) {
        app.workers.finish();
    }
    drop(watch);
    drop(shared);
    print!("{}", report_json(&refusals));
    Ok(())
}

async fn serve(port: u16, routes: Router) -> io::Result<()> {
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    println!("listening on {}", listener.local_addr()?);
    let (mut term, mut interrupt) =
        (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let end = async move {
        tokio::select! { _ = term.recv() => (), _ = interrupt.recv() => () }
    };
    let mut end = pin!(end);
    let room = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let (ending, ended) = watch::channel(false);
    loop {
        tokio::select! {
            () = &mut end => break,
            (stream, permit) = accept(&listener, &room) => {
                tokio::spawn(connection(stream, routes.clone(), ended.clone(), permit));
            }
        }
    }
    // Connections that stand idle are closed, others when they have their answer.
    let _nobody_listens = ending.send(true);
    let all = room.acquire_many(CONNECTIONS_MAX as u32);
    let _ended = tokio::time::timeout(GRACE, all).await;
    Ok(())
}

/// The next connection, once there is room for it.
async fn accept(
    listener: &TcpListener,
    room: &Arc<Semaphore>,
) -> (TcpStream, OwnedSemaphorePermit) {
    loop {
        let Ok(permit) = Arc::clone(room).acquire_owned().await else {
            std::future::pending::<()>().await;
            continue;
        };
        match listener.accept().await {
            Ok((stream, _)) => return (stream, permit),
            // Such as too many open files: others will be closed.
            Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
        }
    }
}

fn connection(
    stream: TcpStream,
    routes: Router,
    mut ended: watch::Receiver<bool>,
    permit: OwnedSemaphorePermit,
) -> impl Future<Output = ()> {
    async move {
        // Answers are small, and waited for.
        let _slower = stream.set_nodelay(true);
        let service = TowerToHyperService::new(routes);
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .max_buf_size(BUFFER_SIZE)
            .serve_connection(TokioIo::new(stream), service);
        let mut connection = pin!(connection);
        tokio::select! {
            _ended = &mut connection => return,
            _ending = ended.wait_for(|&ended| ended) => connection.as_mut().graceful_shutdown(),
        }
        // One that breaks off is the client's affair.
        let _ended = connection.await;
        drop(permit);
    }
}
