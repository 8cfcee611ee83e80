//! Runs jq through jaq, limited to computation on values: nothing in it reaches the environment, the clock, files or
//! the process.

use jaq_core::compile::Undefined;
use jaq_core::data::JustLut;
use jaq_core::load::{self, Arena, File, Loader};
use jaq_core::{Compiler, Ctx, Filter, Vars, unwrap_valr};
use jaq_json::{Val, read};

type Data = JustLut<Val>;

/// Definitions of the standard library whose native filters are not provided: those that reach out of the filter
/// (`halt`, `debug`, `stderr`; `env`, `now` and `input` are native themselves), and those that need further libraries
/// (regular expressions, mathematics, dates, encodings).
const LEFT_OUT: [&str; 32] = [
    "stderr",
    "debug",
    "halt",
    "halt_error",
    "logb",
    "significand",
    "pow10",
    "drem",
    "nexttoward",
    "scalb",
    "gamma",
    "test",
    "scan_",
    "match",
    "capture",
    "split_",
    "splits",
    "sub",
    "gsub",
    "scan",
    "todate",
    "fromdate",
    "@sh",
    "@html",
    "@htmld",
    "@uri",
    "@urid",
    "@base64",
    "@base64d",
    "input_line_number",
    "inputs",
    "input",
];

/// Compiles a filter and passes it to `then`, or returns what is wrong with it.
pub(super) fn with_compiled<T>(filter: &str, then: impl FnOnce(&Filter<Data>) -> T) -> Result<T, String> {
    let known = |definition: &load::parse::Def<&'static str>| {
        // Only the `split` with flags uses regular expressions.
        let with_flags = definition.name == "split" && definition.args.len() == 2;
        !with_flags && !LEFT_OUT.contains(&definition.name)
    };
    let definitions = jaq_core::defs().chain(jaq_std::defs()).chain(jaq_json::defs()).filter(known);
    let natives = jaq_core::funs::<Data>().chain(jaq_std::base_funs()).chain(jaq_json::funs());
    let natives = natives.filter(|(name, ..)| !LEFT_OUT.contains(name));
    let arena = Arena::default();
    let modules = Loader::new(definitions)
        .load(&arena, File { code: filter, path: () })
        .map_err(|errors| errors.iter().map(|(_, error)| unreadable(error)).collect::<Vec<_>>().join("; "))?;
    // Imported data would come from files, so every import is refused.
    load::import(&modules, |_| Err(String::new()))
        .map_err(|_| "cannot load data: a filter must be self-contained".to_owned())?;
    let compiled = Compiler::default().with_funs(natives).compile(modules);
    let compiled = compiled.map_err(|errors| {
        let all = errors.iter().flat_map(|(_, errors)| errors).map(|(name, kind)| undefined(name, kind));
        all.collect::<Vec<_>>().join("; ")
    })?;
    Ok(then(&compiled))
}

/// Returns the JSON array of the outputs of a filter for a payload.
pub(super) fn outputs(filter: &str, payload: &[u8]) -> Result<Vec<u8>, String> {
    let payload = read::parse_single(payload).map_err(|error| format!("the payload is not JSON: {error}"))?;
    with_compiled(filter, |compiled| {
        let context = Ctx::<Data>::new(&compiled.lut, Vars::new([]));
        let mut outputs = Vec::from(*b"[");
        for output in compiled.id.run((context, payload)).map(unwrap_valr) {
            let output = output.map_err(|error| error.to_string())?;
            if outputs.len() > 1 {
                outputs.push(b',');
            }
            outputs.extend_from_slice(output.to_string().as_bytes());
            if outputs.len() > super::MAX_OUTPUT_BYTES {
                // Enough is written for the parent to notice that it is too much.
                return Ok(outputs);
            }
        }
        outputs.push(b']');
        Ok(outputs)
    })?
}

/// Describes why a filter cannot be parsed.
fn unreadable(error: &load::Error<&str>) -> String {
    match error {
        load::Error::Io(errors) => {
            let names: Vec<_> = errors.iter().map(|(name, _)| *name).collect();
            format!("cannot load the module {}: a filter must be self-contained", names.join(", "))
        }
        load::Error::Lex(errors) => {
            let all = errors.iter().map(|(expected, found)| format!("expected {} before {found:?}", expected.as_str()));
            all.collect::<Vec<_>>().join("; ")
        }
        load::Error::Parse(errors) => {
            let all = errors.iter().map(|(expected, found)| format!("expected {} before {found:?}", expected.as_str()));
            all.collect::<Vec<_>>().join("; ")
        }
    }
}

/// Describes a name that is not defined.
fn undefined(name: &str, kind: &Undefined) -> String {
    if let Undefined::Filter(arguments) = kind {
        format!("there is no filter {name}/{arguments}; filters have no access to the environment or the process")
    } else {
        format!("there is no {} {name}", kind.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(filter: &str, payload: &str) -> Result<String, String> {
        outputs(filter, payload.as_bytes()).map(|outputs| String::from_utf8(outputs).unwrap())
    }

    #[test]
    fn a_filter_computes_on_the_payload() {
        let payload = r#"{"staff": [{"mail": "A@x", "tags": "a,b"}, {"mail": null}]}"#;
        let filter = r#".staff | map(select(.mail) | {email: (.mail | ascii_downcase), attributes: {tags: (.tags | split(","))}})"#;
        assert_eq!(run(filter, payload).unwrap(), r#"[[{"email":"a@x","attributes":{"tags":["a","b"]}}]]"#);
        assert_eq!(run(".staff[].mail", payload).unwrap(), r#"["A@x",null]"#);
        assert_eq!(run("empty", payload).unwrap(), "[]");
    }

    #[test]
    fn a_filter_passes_numbers_on_as_they_are_written() {
        let payload = r#"{"id": 98765432109876543210001, "level": 1001.0, "many": 12345678901234567.0}"#;
        assert_eq!(run(".id, .level, .many", payload).unwrap(), "[98765432109876543210001,1001.0,12345678901234567.0]");
        let texts = r#"["98765432109876543210001","1001.0"]"#;
        assert_eq!(run("(.id, .level) | tostring", payload).unwrap(), texts);
        assert_eq!(run(".id + 1, .level + 0", payload).unwrap(), "[98765432109876543210002,1001.0]");
    }

    #[test]
    fn nothing_reaches_out_of_a_filter() {
        for filter in [
            "env",
            "$ENV",
            "env.PATH",
            "now",
            "halt",
            "halt(1)",
            "halt_error",
            "debug",
            "debug(.)",
            "stderr",
            "input",
            "inputs",
            "input_filename",
            "input_line_number",
            "$__prog_args",
            "get_search_list",
            "localtime",
            "getpath(env)",
            "import \"a\" as a; .",
            "include \"a\"; .",
            "import \"a\" as $a; .",
            "ltrimstr($ENV.HOME)",
            "@sh",
            "splits(\"a\")",
        ] {
            assert!(with_compiled(filter, |_| ()).is_err(), "{filter}");
        }
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (filter, said) in [
            (".a[", "expected"),
            ("map(", "expected"),
            ("nope", "nope/0"),
            ("$nope", "$nope"),
            ("import \"a\" as a; .", "module"),
        ] {
            let problem = with_compiled(filter, |_| ()).unwrap_err();
            assert!(problem.contains(said), "{filter}: {problem}");
        }
        assert!(run("error(\"not like this\")", "1").unwrap_err().contains("not like this"));
        assert!(run(".", "{").unwrap_err().contains("not JSON"));
    }
}
