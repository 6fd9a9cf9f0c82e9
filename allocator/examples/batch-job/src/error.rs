//! What goes wrong is said in one line and ends the program.

/// Any of the libraries' errors.
pub type Error = Box<dyn std::error::Error + Send + Sync>;
/// What this program's functions return.
pub type Result<T> = std::result::Result<T, Error>;
