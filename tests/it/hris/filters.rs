//! Filters that mean harm, or are mistakes: none of them costs more than its bounds.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use skillsync::hris::filter::{FilterError, FilterRunner, check};

/// Runs filters in the real program.
pub(crate) fn runner() -> FilterRunner {
    FilterRunner::new(PathBuf::from(env!("CARGO_BIN_EXE_skillsync")))
}

#[tokio::test]
async fn a_filter_that_never_ends_is_stopped() {
    for endless in ["def f: f; f", "[range(1e18)] | length", "last(repeat(1))", "def f: [f]; f", "until(false; . + 1)"]
    {
        check(endless).unwrap();
        #[expect(clippy::disallowed_methods, reason = "real processes take real time")]
        let begun = Instant::now();
        let outcome = runner().run(endless, b"1").await;
        assert!(matches!(outcome, Err(FilterError::Stopped)), "{endless}: {outcome:?}");
        assert!(begun.elapsed() < Duration::from_secs(5), "{endless}");
    }
}

#[tokio::test]
async fn a_filter_that_yields_without_end_is_stopped() {
    let outcome = runner().run("repeat(\"a text of some length that comes again and again\")", b"1").await;
    assert!(matches!(outcome, Err(FilterError::TooMuch | FilterError::Stopped)), "{outcome:?}");
    let outcome = runner().run("[limit(1000000; repeat(\"0123456789\"))]", b"1").await;
    assert!(matches!(outcome, Err(FilterError::TooMuch | FilterError::Stopped)), "{outcome:?}");
}

#[tokio::test]
async fn a_filter_that_takes_memory_or_recurses_without_end_is_stopped() {
    for greedy in [
        // A text of a terabyte, an array of it, an object of it.
        "reduce range(40) as $n (\"x\"; . + .)",
        "reduce range(40) as $n ([1]; . + .) | length",
        "reduce range(1e9) as $n ({}; .[$n | tostring] = $n)",
        "\"x\" * 1e12",
        // Not a tail call: every level keeps its place on the stack.
        "def f(n): 1 + f(n + 1); f(0)",
        "def f: [.[] | f]; [range(1e6)] | until(false; [.]) | f",
        "[limit(1e7; repeat([.]))] | tojson",
    ] {
        check(greedy).unwrap();
        let outcome = runner().run(greedy, b"1").await;
        assert!(
            matches!(outcome, Err(FilterError::Stopped | FilterError::TooMuch | FilterError::Failed(_))),
            "{greedy}: {outcome:?}"
        );
    }
    // A payload that nests without end is refused before the filter sees it, or stopped.
    let deep = [vec![b'['; 1_000_000], vec![b']'; 1_000_000]].concat();
    let outcome = runner().run(".", &deep).await;
    assert!(matches!(outcome, Err(FilterError::Stopped | FilterError::Failed(_))), "{outcome:?}");
}

#[test]
fn a_filter_that_nests_without_end_is_refused_before_it_is_compiled() {
    for (open, close) in
        [("[", "]"), ("(", ")"), ("{a:", "}"), ("if . then ", " else . end"), ("-", ""), ("def f: ", ".;")]
    {
        let nested = open.repeat(100_000) + "." + &close.repeat(100_000);
        let problem = check(&nested).unwrap_err();
        assert!(problem.contains("longer"), "{open}: {problem}");
        // Within the bound it is compiled or refused, and the process lives.
        let deepest = (16 * 1024 - 1) / (open.len() + close.len());
        let _ = check(&(open.repeat(deepest) + "." + &close.repeat(deepest)));
    }
}

#[tokio::test]
async fn many_that_never_end_do_not_run_at_once() {
    let runner = runner();
    let runs = (0..8).map(|_| runner.run("def f: f; f", b"1"));
    let outcomes = futures_util::future::join_all(runs).await;
    let busy = outcomes.iter().filter(|outcome| matches!(outcome, Err(FilterError::Busy))).count();
    assert!(busy >= 4, "{outcomes:?}");
    assert!(runner.run(".", b"[1]").await.is_ok(), "the places are free again");
}

#[tokio::test]
async fn a_run_has_no_environment_and_fails_with_reasons() {
    for reaching in ["env", "$ENV", "input", "halt", "debug", "now", "import \"a\" as $a; $a"] {
        assert!(check(reaching).is_err(), "{reaching}");
        let outcome = runner().run(reaching, b"1").await;
        assert!(matches!(outcome, Err(FilterError::Failed(_))), "{reaching}: {outcome:?}");
    }
    assert_eq!(runner().run(".a", b"{\"a\": [1]}").await.unwrap(), b"[[1]]");
    assert!(matches!(runner().run("error(\"no\")", b"1").await, Err(FilterError::Failed(said)) if said.contains("no")));
    let gone = FilterRunner::new(PathBuf::from("/does/not/exist")).run(".", b"1").await;
    assert!(matches!(gone, Err(FilterError::CannotStart(_))), "{gone:?}");
}
