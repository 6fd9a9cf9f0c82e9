//! Standard input without std's buffer, which would keep what users type for
//! as long as the program runs.

use std::fs::File;
use std::io::Read;
use std::os::fd::AsFd;

use crate::error::Result;
use crate::tags;

/// Where prompts come from.
pub struct Console(File);

impl Console {
    /// Opens standard input a second time.
    ///
    /// # Errors
    /// What the system says.
    pub fn open() -> Result<Self> {
        Ok(Self(std::io::stdin().as_fd().try_clone_to_owned()?.into()))
    }

    /// Reads prompts, one a line, up to an empty line or the end.
    ///
    /// # Errors
    /// A prompt that is not text.
    pub fn prompts(&mut self) -> Result<Vec<String>> {
        let _scope = tags::PROMPT.enter();
        let mut prompts = Vec::new();
        let mut pending = Vec::new();
        let mut piece = vec![0; 4096];
        loop {
            let size = self.0.read(&mut piece)?;
            pending.extend_from_slice(&piece[..size]);
            while let Some(end) = pending.iter().position(|&byte| byte == b'\n') {
                let line = pending[..end].to_vec();
                pending.drain(..=end);
                if line.is_empty() {
                    return Ok(prompts);
                }
                prompts.push(String::from_utf8(line)?);
            }
            if size == 0 {
                return Ok(prompts);
            }
        }
    }

    /// Waits for one more line or the end.
    ///
    /// # Errors
    /// What the system says.
    pub fn wait(&mut self) -> Result<()> {
        let _size = self.0.read(&mut [0])?;
        Ok(())
    }
}
