//! Threads that compute. They use no headroom: what they need they reserve, and where
//! it is refused they say so without allocating.

use std::collections::TryReserveError;
use std::io;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread::{Builder, JoinHandle};

use scrubjay::{Carried, Context};
use tokio::sync::oneshot;

use crate::model::{Model, Session};
use crate::prompt_cache::PromptCache;
use crate::tags;

/// What is asked of a worker.
pub struct Job {
    /// The question.
    pub prompt: Vec<u8>,
    /// How many tokens the answer has at most.
    pub count: usize,
    /// How many tokens the conversation may have: memory is reserved for so many.
    pub context: usize,
    /// Where the answer goes; an error is what had no room.
    pub reply: oneshot::Sender<Result<Vec<u8>, TryReserveError>>,
}

/// What workers share.
pub struct Shared {
    /// Who answers.
    pub model: Model,
    /// What was asked before.
    pub prompts: PromptCache,
}

/// A pool of threads.
pub struct Workers {
    jobs: Sender<Carried<Job>>,
    threads: Vec<JoinHandle<()>>,
}

impl Workers {
    /// Starts the threads.
    ///
    /// # Errors
    /// What the system says.
    pub fn start(count: usize, shared: &Arc<Shared>) -> io::Result<Self> {
        let (jobs, receiver) = channel();
        let receiver = Arc::new(Mutex::new(receiver));
        let mut threads = Vec::with_capacity(count);
        for index in 0..count {
            let (shared, receiver) = (Arc::clone(shared), Arc::clone(&receiver));
            let builder = Builder::new().name(format!("work-{index}"));
            threads.push(builder.spawn(move || work(&shared, &receiver))?);
        }
        Ok(Self { jobs, threads })
    }

    /// Hands on a job, for whose request the worker then works, too. False where nobody
    /// works any more.
    pub fn send(&self, job: Job) -> bool {
        self.jobs.send(Context::current().carry(job)).is_ok()
    }

    /// Waits until all that was sent is done.
    pub fn finish(self) {
        drop(self.jobs);
        for thread in self.threads {
            // One that panicked has said so.
            let _ended = thread.join();
        }
    }
}

fn work(shared: &Shared, jobs: &Mutex<Receiver<Carried<Job>>>) {
    loop {
        let next = jobs.lock().map(|jobs| jobs.recv());
        let Ok(Ok(carried)) = next else { return };
        let (_adopted, Job { prompt, count, context, reply }) = carried.open();
        // Nobody waits for it any more.
        if reply.is_closed() {
            continue;
        }
        let answer = answer(shared, &prompt, count, context);
        // All is given back when the answer is there, and stands so on its bill.
        drop(prompt);
        let _unheard = reply.send(answer);
    }
}

/// The answer to a prompt of ASCII.
fn answer(
    shared: &Shared,
    prompt: &[u8],
    count: usize,
    context: usize,
) -> Result<Vec<u8>, TryReserveError> {
    let mut answer = Vec::new();
    {
        let _scope = tags::PROMPT.enter();
        answer.try_reserve_exact(count)?;
    }
    let mut session = Session::new(context)?;
    // The last token is read again, since what it leads to is not cached.
    let Some((last, before)) = prompt.split_last() else { return Ok(answer) };
    if !shared.prompts.restore(before, &mut session) {
        before.iter().for_each(|&token| shared.model.step(&mut session, token));
        shared.prompts.keep(before, &session);
    }
    shared.model.step(&mut session, *last);
    shared.model.generate(&mut session, count, &mut answer);
    Ok(answer)
}

/// The same without a pool, for who wants to know what is right.
#[must_use]
pub fn answer_here(shared: &Shared, prompt: &[u8], count: usize) -> Vec<u8> {
    answer(shared, prompt, count, prompt.len() + count).unwrap_or_default()
}
