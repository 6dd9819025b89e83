//! Exit codes and one-line error messages.

use std::io::{ErrorKind, Write};
use std::process::ExitCode;

use tinderbox_train::TrainError;

/// Result of a verb: its exit code, or the error that ended it.
pub type CliResult = anyhow::Result<ExitCode>;

/// Prints the error of a verb, if any, and turns the result into an exit code.
pub fn finish(result: CliResult) -> ExitCode {
    result.unwrap_or_else(|error| {
        // A closed pipe (`| head`) is not a failure.
        if is_broken_pipe(&error) {
            return ExitCode::SUCCESS;
        }
        let _ = writeln!(std::io::stderr(), "error: {}", one_line(&error));
        exit_code(&error)
    })
}

/// Names `subject`, the model or recipe that a verb was given, in an error about what is in it that
/// names no file.
pub fn about(subject: &str, result: CliResult) -> CliResult {
    result.map_err(|error| {
        let names_none = error.downcast_ref().is_some_and(names_no_file);
        if names_none && !one_line(&error).contains(subject) {
            return error.context(subject.to_string());
        }
        error
    })
}

fn names_no_file(error: &TrainError) -> bool {
    use tinderbox_data::DataError;
    match error {
        TrainError::Data(error) => {
            matches!(error, DataError::Config { .. } | DataError::Batching { .. })
        }
        TrainError::Model(_)
        | TrainError::MissingHead(_)
        | TrainError::Predict(_)
        | TrainError::ExplainImage(_)
        | TrainError::ExplainText(_)
        | TrainError::Mismatch(_)
        | TrainError::Memory { .. }
        | TrainError::NotFinite { .. }
        | TrainError::WeightsNotFinite { .. } => true,
        _ => false,
    }
}

/// Formats an error and its causes on one line. A cause that the message before it contains is not
/// repeated.
pub fn one_line(error: &anyhow::Error) -> String {
    let mut line = String::new();
    for cause in error.chain() {
        let text = cause.to_string();
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        if line.is_empty() {
            line = text;
        } else if !line.contains(&text) {
            line = format!("{line}: {text}");
        }
    }
    line
}

fn exit_code(error: &anyhow::Error) -> ExitCode {
    match error.downcast_ref::<TrainError>() {
        Some(TrainError::Recipe(_)) => ExitCode::from(2),
        Some(TrainError::NotFinite { .. } | TrainError::WeightsNotFinite { .. }) => {
            ExitCode::from(3)
        }
        _ => ExitCode::FAILURE,
    }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let io = error.downcast_ref::<std::io::Error>();
    io.is_some_and(|e| e.kind() == ErrorKind::BrokenPipe)
}
