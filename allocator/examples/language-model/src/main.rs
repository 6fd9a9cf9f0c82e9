//! A small transformer language model on the CPU, from an empty directory to
//! answers: it makes a corpus, trains a tokenizer and a model on it, writes and
//! loads checkpoints, and answers prompts.
//!
//! Three lines give it scrubjay: the allocator below, and a tag with its scope
//! wherever memory has a purpose (`tags.rs` lists them). Then
//!
//! ```text
//! SCRUBJAY_LOG=run-%p.jay cargo run --release < prompts
//! scrubjay summary run-*.jay
//! ```
//!
//! says who held the memory, when, and that nothing of it is left.

mod arguments;
mod batches;
mod checkpoint;
mod config;
mod console;
mod corpus;
mod error;
mod explain;
mod generate;
mod loads;
mod model;
mod random;
mod serve;
mod tags;
mod tokenizer;
mod training;

use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use scrubjay::Report;
#[cfg(not(any(feature = "system", feature = "dhat")))]
use scrubjay::Scrubjay;
use sha2::{Digest, Sha256};

use crate::arguments::Arguments;
use crate::batches::Batches;
use crate::config::Config;
use crate::console::Console;
use crate::error::Result;
use crate::loads::Files;
use crate::model::Model;
use crate::serve::Server;
use crate::tokenizer::Text;

#[cfg(not(any(feature = "system", feature = "dhat")))]
#[global_allocator]
static ALLOCATOR: Scrubjay = Scrubjay::new();

#[cfg(feature = "dhat")]
#[global_allocator]
static ALLOCATOR: dhat::Alloc = dhat::Alloc;

const CORPUS_LINES: usize = 2000;
const VOCABULARY: usize = 640;
/// Batches over which two precisions are compared.
const COMPARED_BATCHES: usize = 4;

fn main() -> ExitCode {
    #[cfg(feature = "dhat")]
    let _profiler = dhat::Profiler::builder().testing().build();
    let arguments = match Arguments::parse(std::env::args().skip(1)) {
        Ok(Some(arguments)) => arguments,
        Ok(None) => {
            println!("{}", arguments::USAGE);
            return ExitCode::SUCCESS;
        }
        Err(error) => {
            eprintln!("error: {error}");
            return ExitCode::from(2);
        }
    };
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<()> {
    let mut console = Console::open()?;
    let server = Server::start(arguments.threads)?;
    answer_all(arguments, &mut console, &server)?;
    // Nothing of a prompt, an answer or the model is in use from here on.
    fs::write(arguments.directory.join("report.json"), Report::now().to_json())?;
    println!("dropped");
    if arguments.wait {
        console.wait()?;
    }
    Ok(())
}

fn answer_all(arguments: &Arguments, console: &mut Console, server: &Server) -> Result<()> {
    let directory = &arguments.directory;
    fs::create_dir_all(directory)?;
    let corpus = directory.join("corpus.txt");
    corpus::write(&corpus, arguments.seed, CORPUS_LINES)?;
    println!("corpus: {} bytes", corpus.metadata()?.len());

    let tokenizer = directory.join("tokenizer.json");
    Text::train(&corpus, &tokenizer, VOCABULARY)?;
    let text = Arc::new(Text::load(&tokenizer)?);
    println!("tokenizer: {} tokens", text.vocabulary());

    let config = Config {
        vocabulary: text.vocabulary(),
        context: 256,
        width: 264,
        position_width: 64,
        hidden: 2048,
        heads: 12,
        layers: arguments.layers,
    };
    let files = train(config, arguments, &corpus, &text)?;
    println!("checkpoints: peak ÷ file size");
    loads::compare(&files)?;

    note(&files.f32)?;
    let model = Arc::new(load(config, &files.f32)?);
    let half = load(config, &files.f16)?;
    println!(
        "loss: {:.4} in f32, {:.4} in f16",
        loss(&model, &corpus, &text)?,
        loss(&half, &corpus, &text)?
    );

    let prompts = console.prompts()?;
    println!("prompts: {}, on {} threads", prompts.len(), arguments.threads);
    let explained = {
        let _scope = tags::PROMPT.enter();
        prompts.first().cloned()
    };
    for (index, answer) in server.answer(&model, &text, prompts)?.iter().enumerate() {
        println!("  answer {index}: {answer:?}");
    }
    if let Some(prompt) = explained {
        explain(&model, &text, &prompt)?;
    }
    Ok(())
}

fn train(config: Config, arguments: &Arguments, corpus: &Path, text: &Text) -> Result<Files> {
    println!("training: {} steps, {config:?}", arguments.steps);
    let plan = training::Plan { corpus, text, seed: arguments.seed, steps: arguments.steps };
    Files::write(&arguments.directory, &training::train(config, &plan)?)
}

/// Has the log say which model this is.
fn note(checkpoint: &Path) -> Result<()> {
    let mut hash = Sha256::new();
    io::copy(&mut File::open(checkpoint)?, &mut hash)?;
    scrubjay::note("model", env!("CARGO_PKG_NAME"));
    scrubjay::note("version", env!("CARGO_PKG_VERSION"));
    scrubjay::note("weights/sha256", &format!("{:x}", hash.finalize()));
    Ok(())
}

fn load(config: Config, path: &Path) -> Result<Model> {
    let _scope = tags::WEIGHTS.enter();
    Ok(Model::new(config, &checkpoint::load_mapped(path)?)?)
}

fn loss(model: &Model, corpus: &Path, text: &Text) -> Result<f32> {
    let mut batches = Batches::open(corpus, text, training::ROWS, training::COLUMNS)?;
    let mut sum = 0.0;
    for _ in 0..COMPARED_BATCHES {
        let batch = batches.next()?.ok_or("the corpus is too short")?;
        sum += training::loss_of(model, &batch)?.to_scalar::<f32>()?;
    }
    Ok(sum / COMPARED_BATCHES as f32)
}

/// Prints which places of a prompt decided the first token of its answer:
/// places and not words, since a prompt is secret and standard output is not.
fn explain(model: &Model, text: &Text, prompt: &str) -> Result<()> {
    let tokens = {
        let _scope = tags::PROMPT.enter();
        text.encode(prompt)?
    };
    let first = generate::generate(model, &tokens, text.end(), 1)?;
    let first = first.first().copied().unwrap_or(text.end());
    let shares = explain::attribute(model, &tokens, first)?;
    let mut places: Vec<usize> = (0..shares.len()).collect();
    places.sort_by(|&a, &b| shares[b].abs().total_cmp(&shares[a].abs()));
    println!("why answer 0 begins as it does: gradient × input, of {} tokens", tokens.len());
    for place in places.into_iter().take(5) {
        println!("  token {place:3}  {:+6.1} %", 100.0 * shares[place]);
    }
    Ok(())
}
