//! Jinja as transformers sets it up for chat templates.

use super::conversation::Conversation;
use super::python;
use chrono::Local;
use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Kwargs, Value, ValueKind};
use minijinja::{AutoEscape, Environment, Error, ErrorKind, State};
use minijinja_contrib::pycompat::unknown_method_callback;
use std::fmt::Write;

/// Steps of a template. Published ones take a few hundred a message.
const FUEL: u64 = 100_000_000;

/// Runs a template.
pub(super) fn render(
    template: &str,
    conversation: &Conversation,
    special: &[(String, String)],
) -> Result<String, String> {
    let source = with_generation_blocks(&template.replace("\r\n", "\n").replace('\r', "\n"));
    let environment = environment()?;
    let template = environment
        .template_from_str(&source)
        .map_err(|error| explain(&error))?;
    let mut variables: Vec<(&str, Value)> = special
        .iter()
        .map(|(name, content)| (name.as_str(), Value::from(content.as_str())))
        .collect();
    variables.push(("messages", conversation.messages()));
    variables.push(("tools", conversation.tools()));
    variables.push(("documents", conversation.documents()));
    variables.push(("add_generation_prompt", Value::from(true)));
    let variables = Value::from_pairs(variables);
    template.render(variables).map_err(|error| explain(&error))
}

fn environment() -> Result<Environment<'static>, String> {
    let syntax = SyntaxConfig::builder()
        .trim_blocks(true)
        .lstrip_blocks(true)
        .build();
    let syntax = syntax.map_err(|error| explain(&error));
    let mut environment = Environment::new();
    environment.set_syntax(syntax?);
    environment.set_fuel(Some(FUEL));
    environment.set_auto_escape_callback(|_| AutoEscape::None);
    environment.set_unknown_method_callback(method);
    environment.add_filter("attr", attribute);
    environment.add_filter("tojson", to_json);
    environment.add_function("raise_exception", raise);
    environment.add_function("strftime_now", now);
    // In Python a string is a sequence and can be iterated over, and so is a dictionary.
    environment.add_test("sequence", is_sequence);
    environment.add_test("iterable", is_sequence);
    Ok(environment)
}

/// Methods of Python's strings, lists and dictionaries.
fn method(
    state: &mut State<'_, '_>,
    value: &Value,
    name: &str,
    arguments: &[Value],
) -> Result<Value, Error> {
    match (name, value.as_str(), arguments) {
        ("title", Some(text), []) => Ok(Value::from(title(text))),
        _ => unknown_method_callback(state, value, name, arguments),
    }
}

/// Every letter after something else than a letter in upper case, and the others in lower case.
fn title(text: &str) -> String {
    let mut within = false;
    let mut titled = String::with_capacity(text.len());
    for character in text.chars() {
        if within {
            titled.extend(character.to_lowercase());
        } else {
            titled.extend(character.to_uppercase());
        }
        within = character.is_alphabetic();
    }
    titled
}

/// Jinja's `attr` does not look at the entries of a dictionary.
fn attribute(value: &Value, name: &str) -> Result<Value, Error> {
    match value.kind() {
        ValueKind::Map => Ok(Value::UNDEFINED),
        _ => value.get_attr(name),
    }
}

fn is_sequence(value: &Value) -> bool {
    let kind = value.kind();
    matches!(
        kind,
        ValueKind::String | ValueKind::Seq | ValueKind::Map | ValueKind::Iterable
    )
}

// Arguments of a template's function are owned.
#[allow(clippy::needless_pass_by_value)]
fn to_json(value: &Value, options: Kwargs) -> Result<String, Error> {
    let json = python::to_json(
        value,
        &python::Options {
            ensure_ascii: options
                .get::<Option<bool>>("ensure_ascii")?
                .unwrap_or(false),
            indent: options.get::<Option<usize>>("indent")?,
            separators: options.get::<Option<Vec<String>>>("separators")?,
            sort_keys: options.get::<Option<bool>>("sort_keys")?.unwrap_or(false),
        },
    );
    options.assert_all_used()?;
    json.map_err(|reason| Error::new(ErrorKind::InvalidOperation, reason))
}

// Arguments of a template's function are owned.
#[allow(clippy::needless_pass_by_value)]
fn raise(reason: String) -> Result<String, Error> {
    Err(Error::new(ErrorKind::InvalidOperation, reason))
}

#[allow(clippy::needless_pass_by_value)]
fn now(format: String) -> Result<String, Error> {
    let mut text = String::new();
    write!(text, "{}", Local::now().format(&format)).map_err(|_| {
        let reason = format!("strftime_now: {format:?} is not a format of dates");
        Error::new(ErrorKind::InvalidOperation, reason)
    })?;
    Ok(text)
}

/// The reason for which a template stops, with its line.
fn explain(error: &Error) -> String {
    let reason = error
        .detail()
        .map_or_else(|| error.to_string(), str::to_owned);
    match error.line() {
        Some(line) => format!("line {line}: {reason}"),
        None => reason,
    }
}

/// Replaces `{% generation %}`, by which transformers marks the answers that are trained on. It
/// changes nothing in a prompt, except that it is a scope of its own, as `{% with %}` is.
fn with_generation_blocks(template: &str) -> String {
    let mut replaced = String::with_capacity(template.len());
    let mut rest = template;
    while let Some(at) = rest.find("{%") {
        let (before, tag) = rest.split_at(at);
        replaced.push_str(before);
        let inner = tag.get(2..).unwrap_or_default();
        let start = inner.trim_start_matches(['-', '+']).trim_start();
        let open = tag.len() - start.len();
        let word: String = start
            .chars()
            .take_while(|c| c.is_alphanumeric() || *c == '_')
            .collect();
        let after = start.get(word.len()..).unwrap_or_default();
        let is_whole = after
            .trim_start()
            .trim_start_matches(['-', '+'])
            .starts_with("%}");
        let name = match word.as_str() {
            "generation" if is_whole => "with",
            "endgeneration" if is_whole => "endwith",
            _ => word.as_str(),
        };
        replaced.push_str(tag.get(..open).unwrap_or_default());
        replaced.push_str(name);
        rest = after;
    }
    replaced.push_str(rest);
    replaced
}

#[cfg(test)]
mod tests {
    use super::with_generation_blocks;

    #[test]
    fn generation_is_a_scope_of_its_own() {
        let template = "{%- generation -%}a{% endgeneration %}{% set generation = 1 %}{%";
        let replaced = "{%- with -%}a{% endwith %}{% set generation = 1 %}{%";
        assert_eq!(with_generation_blocks(template), replaced);
    }
}
