//! Threads that wait for work, as in a server: they live as long as the
//! program, and hold nothing of a request once it is answered.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread;

use crate::error::Result;
use crate::generate::generate;
use crate::model::Model;
use crate::tags;
use crate::tokenizer::Text;

/// How many tokens an answer has at most.
const ANSWER_SIZE_MAX: usize = 16;

/// What is asked of a worker.
pub struct Request {
    /// Who answers.
    pub model: Arc<Model>,
    /// How text becomes tokens.
    pub text: Arc<Text>,
    /// The question.
    pub prompt: String,
    /// Where the answer goes.
    pub reply: Sender<Result<String>>,
}

/// A pool of threads.
pub struct Server {
    requests: Sender<Request>,
}

impl Server {
    /// Starts the threads.
    ///
    /// # Errors
    /// What the system says.
    pub fn start(thread_count: usize) -> Result<Self> {
        let (requests, receiver) = channel();
        let receiver = Arc::new(Mutex::new(receiver));
        for index in 0..thread_count {
            let receiver = Arc::clone(&receiver);
            thread::Builder::new().name(format!("serve-{index}")).spawn(move || work(&receiver))?;
        }
        Ok(Self { requests })
    }

    /// Answers all prompts, several at a time, in their order.
    ///
    /// # Errors
    /// The first request's that failed.
    pub fn answer(
        &self,
        model: &Arc<Model>,
        text: &Arc<Text>,
        prompts: Vec<String>,
    ) -> Result<Vec<String>> {
        let mut replies = Vec::new();
        for prompt in prompts {
            let (reply, answer) = channel();
            let (model, text) = (Arc::clone(model), Arc::clone(text));
            self.requests
                .send(Request { model, text, prompt, reply })
                .map_err(|_| "no thread serves any more")?;
            replies.push(answer);
        }
        replies.into_iter().map(|answer| answer.recv()?).collect()
    }
}

fn work(requests: &Mutex<Receiver<Request>>) {
    loop {
        let next = requests.lock().map(|requests| requests.recv());
        let Ok(Ok(request)) = next else { return };
        let reply = request.reply.clone();
        let answer = answer(request);
        // Whoever asked may be gone; that is their affair.
        drop(reply.send(answer));
    }
}

fn answer(request: Request) -> Result<String> {
    // The prompt's tokens are as secret as its text.
    let _scope = tags::PROMPT.enter();
    let Request { model, text, prompt, .. } = request;
    let tokens = text.encode(&prompt)?;
    let answer = generate(&model, &tokens, text.end(), ANSWER_SIZE_MAX)?;
    text.decode(&answer)
}
