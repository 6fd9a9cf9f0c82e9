//! Has a server under load, and looks whether it keeps its promises.

use std::collections::BTreeMap;
use std::fs;
use std::net::SocketAddr;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::arguments::Arguments;
use crate::client::Client;
use crate::error::Result;
use crate::model::TOKEN_BYTES;
use crate::process::Process;
use crate::prompt_cache::PromptCache;
use crate::tags::REQUESTS_SIZE;
use crate::weights;
use crate::workers::{Shared, answer_here};

/// What a thread may have taken ahead.
const ALLOWANCE: u64 = 64 << 10;
/// What a request takes beside keys and values: prompt, answer, activations.
const SURPLUS: u64 = 32 << 10;
const TOKENS: usize = 24;
const PROMPTS: usize = 48;
/// What the process may have where it is that which binds.
const TIGHT_SIZE: u64 = 14 << 20;

/// What is asked, and the right answers.
struct Exam {
    address: SocketAddr,
    questions: Vec<(String, Vec<u8>)>,
}

/// What came of it.
#[derive(Default)]
struct Tally {
    right: u64,
    shed: u64,
    /// By tag: bytes and blocks allocated.
    bills: BTreeMap<String, [u64; 2]>,
    seconds: f64,
}

impl Tally {
    fn add(&mut self, other: Self) {
        self.right += other.right;
        self.shed += other.shed;
        for (name, sums) in other.bills {
            let own = self.bills.entry(name).or_default();
            *own = [own[0] + sums[0], own[1] + sums[1]];
        }
    }

    fn show(&self, what: &str) {
        let Self { right, shed, seconds, .. } = self;
        println!(
            "{what}: {} requests in {seconds:.1} s; {right} × 200, {shed} × 503; {:.0} answers/s",
            right + shed,
            *right as f64 / seconds,
        );
    }
}

/// An error that says what was not so.
fn ensure(holds: bool, what: impl FnOnce() -> String) -> Result<()> {
    if holds { Ok(()) } else { Err(what().into()) }
}

fn number(value: &Value) -> Result<u64> {
    value.as_u64().ok_or_else(|| format!("{value} is no number").into())
}

/// The tokens of a context for which a share of the memory is taken by each client.
fn context_of(bytes: u64, clients: usize) -> u64 {
    (bytes / clients as u64).saturating_sub(SURPLUS) / TOKEN_BYTES as u64
}

/// Questions, and what the model answers when nobody disturbs it.
fn questions(arguments: &Arguments) -> Result<Vec<(String, Vec<u8>)>> {
    fs::create_dir_all(&arguments.directory)?;
    let path = arguments.directory.join("model.safetensors");
    weights::write(&path)?;
    let shared = Shared { model: weights::load(&path)?, prompts: PromptCache::new() };
    let starts = ["A scrub jay ", "The oak ", "When another ", "Worms ", "In the morning ", "It "];
    let asked = (0..PROMPTS).map(|index| {
        let prompt = format!("{index}. {}", starts[index % starts.len()]);
        let answer = answer_here(&shared, prompt.as_bytes(), TOKENS);
        (prompt, answer)
    });
    Ok(asked.collect())
}

impl Exam {
    /// One client, until the time is over.
    fn client(&self, index: usize, context: u64, spread: u64, end: Instant) -> Result<Tally> {
        let mut client = Client::connect(self.address)?;
        let mut tally = Tally::default();
        for round in 0_usize.. {
            if Instant::now() >= end {
                break;
            }
            let (prompt, right) = &self.questions[(index * 7 + round) % self.questions.len()];
            // Of any size around the mean, so that what is free is used to the last.
            let size =
                context - spread + (index as u64 * 613 + round as u64 * 389) % (2 * spread + 1);
            let path = format!("/generate?tokens={TOKENS}&context={size}");
            let answer = client.ask("POST", &path, prompt)?;
            match answer.status {
                200 => {
                    ensure(answer.body == *right, || format!("a wrong answer to {prompt:?}"))?;
                    tally.right += 1;
                }
                503 => {
                    ensure(answer.header("retry-after") == Some("1"), || "no Retry-After".into())?;
                    tally.shed += 1;
                }
                status => return Err(format!("an answer is {status}").into()),
            }
            let bill: Value = match answer.header("x-bill") {
                Some(bill) => serde_json::from_str(bill)?,
                None => return Err("an answer without its bill".into()),
            };
            add_bill(&mut tally, &bill)?;
        }
        Ok(tally)
    }

    /// All clients, with contexts so large in the mean, and so much more or less.
    fn load(&self, clients: usize, context: u64, spread: u64, seconds: u64) -> Result<Tally> {
        let start = Instant::now();
        let end = start + Duration::from_secs(seconds);
        thread::scope(|threads| {
            let all: Vec<_> = (0..clients)
                .map(|index| threads.spawn(move || self.client(index, context, spread, end)))
                .collect();
            let mut sum = Tally::default();
            for one in all {
                sum.add(one.join().map_err(|_| "a client panicked")??);
            }
            sum.seconds = start.elapsed().as_secs_f64();
            Ok(sum)
        })
    }
}

fn add_bill(tally: &mut Tally, bill: &Value) -> Result<()> {
    if cfg!(feature = "system") {
        return Ok(());
    }
    ensure(bill["is_counted"] == true, || "a request was not counted".into())?;
    for tag in bill["tags"].as_array().ok_or("no tags")? {
        let name = tag["name"].as_str().ok_or("no name")?;
        let sums = tally.bills.entry(name.to_owned()).or_default();
        sums[0] += number(&tag["allocated_bytes"])?;
        sums[1] += number(&tag["allocated_blocks"])?;
        let is_left = name.starts_with("requests") && number(&tag["live_blocks"])? > 0;
        ensure(!is_left, || format!("a request kept memory of {name}"))?;
    }
    Ok(())
}

/// Only measures.
///
/// # Errors
/// A server that fails.
pub fn measure(arguments: &Arguments) -> Result<()> {
    let questions = questions(arguments)?;
    let server = Process::start(arguments, arguments.process_budget)?;
    let exam = Exam { address: server.address, questions };
    let context = context_of(REQUESTS_SIZE / 100 * 99 - ALLOWANCE, arguments.clients);
    exam.load(arguments.clients, context, 0, arguments.seconds)?.show("with room");
    server.finish()?;
    Ok(())
}

/// Under ten times the load that the requests' budget allows, then where it is the
/// process's that does not suffice.
///
/// # Errors
/// A promise that was not kept.
pub fn run(arguments: &Arguments) -> Result<()> {
    let questions = questions(arguments)?;
    let show = |answer: &[u8]| String::from_utf8_lossy(answer).into_owned();
    println!("{:?}: {:?}", questions[0].0, show(&questions[0].1));
    let (clients, seconds) = (arguments.clients, arguments.seconds);
    let over = context_of(REQUESTS_SIZE * 10, clients);

    println!("\nthe requests' budget, {REQUESTS_SIZE} bytes, is what binds");
    let server = Process::start(arguments, arguments.process_budget)?;
    let exam = Exam { address: server.address, questions };
    let limits = (arguments.process_budget, lines_before(&exam)?);
    let room = REQUESTS_SIZE / 100 * 99 - ALLOWANCE;
    let mut all = exam.load(clients, context_of(room, clients), 0, seconds)?;
    all.show("just enough room");
    ensure(all.shed == 0, || "requests were shed while there was room".into())?;
    let shed = exam.load(clients, over, over / 10 * 9, seconds)?;
    shed.show("ten times the budget");
    ensure(shed.right > 0 && shed.shed > 0, || "the load was no load".into())?;
    all.add(shed);
    let report = report(&exam)?;
    judge(&report, &all, limits)?;
    let spare = number(&report["refusals"]["most_spare_bytes"])?;
    println!("  had the refused blocks been granted, {spare} bytes would have been free at most");
    ensure(spare <= REQUESTS_SIZE / 100 + ALLOWANCE, || "it refused while there was room".into())?;
    judge(&server.finish()?, &all, limits)?;

    let tight = TIGHT_SIZE;
    println!("\nthe process's budget, {tight} bytes, is what binds");
    let server = Process::start(arguments, tight)?;
    let exam = Exam { address: server.address, ..exam };
    let before = lines_before(&exam)?;
    let all = exam.load(clients, over, over / 10 * 9, seconds)?;
    all.show("ten times the budget");
    ensure(all.right > 0 && all.shed > 0, || "the load was no load".into())?;
    judge(&server.finish()?, &all, (tight, before))?;
    println!("\nall promises were kept");
    Ok(())
}

fn report(exam: &Exam) -> Result<Value> {
    let answer = Client::connect(exam.address)?.ask("GET", "/report", "")?;
    let metrics = Client::connect(exam.address)?.ask("GET", "/metrics", "")?;
    let line = "scrubjay_live_bytes{tag=\"model/weights\",class=\"public\"}";
    let text = String::from_utf8(metrics.body)?;
    ensure(text.contains(line) && text.ends_with("# EOF\n"), || "metrics lack the model".into())?;
    Ok(serde_json::from_slice(&answer.body)?)
}

/// The bytes of blocks so aligned, before any request.
fn lines_before(exam: &Exam) -> Result<u64> {
    Ok(report(exam)?["inner"]["lines_most"].as_u64().unwrap_or(0))
}

/// What must be so when all requests have their answers. Blocks that are aligned as keys
/// and values, and are not requests', are there from the start.
fn judge(report: &Value, tally: &Tally, (process_budget, lines_before): (u64, u64)) -> Result<()> {
    let mut sum = [0, 0];
    for tag in report["report"]["tags"].as_array().ok_or("no tags")? {
        let name = tag["name"].as_str().ok_or("no name")?;
        if !name.starts_with("requests/") && name != "prompt-cache" {
            continue;
        }
        let total = [number(&tag["allocated_bytes"])?, number(&tag["allocated_blocks"])?];
        let billed = tally.bills.get(name).copied().unwrap_or_default();
        ensure(billed == total, || format!("{name}: bills say {billed:?}, the tag {total:?}"))?;
        sum = [sum[0] + total[0], sum[1] + total[1]];
        if name != "prompt-cache" {
            let live = number(&tag["live_bytes"])?;
            ensure(live == 0, || format!("{live} bytes of {name} are left"))?;
        }
    }
    ensure(sum[0] > 0, || "nothing was billed".into())?;
    println!("  all bills: {} bytes in {} blocks, as the tags say", sum[0], sum[1]);
    for budget in report["budgets"].as_array().ok_or("no budgets")? {
        println!("  budget {budget}");
        let charged = number(&budget["charged_bytes"])?;
        let is_back = budget["name"] != "requests" || charged == 0;
        ensure(is_back, || format!("{charged} bytes are still charged"))?;
    }
    println!("  refusals {}", report["refusals"]);
    if let Some(most) = report["inner"]["most"].as_u64() {
        println!("  the inner allocator gave out {most} bytes at most, of {process_budget}");
        ensure(most <= process_budget, || "the process passed its budget".into())?;
        let lines = number(&report["inner"]["lines_most"])? - lines_before;
        println!("  and {lines} bytes of keys and values, of {REQUESTS_SIZE}");
        ensure(lines <= REQUESTS_SIZE, || "requests passed their budget".into())?;
    } else {
        println!("  not counted below: build with the feature `counted`");
    }
    Ok(())
}
