//! The nights as a picture: time against users, both in powers of ten, and where the limit itself would end.

use std::fmt::Write as _;

const SIZE: (f64, f64) = (640.0, 400.0);
const LEFT: f64 = 70.0;
const RIGHT: f64 = 170.0;
const TOP: f64 = 20.0;
const BOTTOM: f64 = 45.0;

/// What one line joins: users and seconds.
pub(crate) struct Line {
    pub(crate) name: String,
    pub(crate) color: &'static str,
    pub(crate) dashes: &'static str,
    pub(crate) points: Vec<(f64, f64)>,
}

/// An SVG with these lines.
pub(crate) fn drawn(lines: &[Line]) -> String {
    let all = || lines.iter().flat_map(|line| &line.points);
    let most_users = all().map(|(users, _)| *users).fold(10.0, f64::max).log10().ceil();
    let most_seconds = all().map(|(_, seconds)| *seconds).fold(10.0, f64::max).log10().ceil();
    let (least_users, least_seconds) = (3.0, 1.0);
    let x = |users: f64| LEFT + (users.log10() - least_users) / (most_users - least_users) * (SIZE.0 - LEFT - RIGHT);
    let y = |seconds: f64| {
        let share = (seconds.log10() - least_seconds) / (most_seconds - least_seconds);
        SIZE.1 - BOTTOM - share * (SIZE.1 - TOP - BOTTOM)
    };
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {} {}\" font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n",
        SIZE.0, SIZE.1
    );
    let mut add = |element: std::fmt::Arguments<'_>| writeln!(svg, "{element}").expect("there is memory");
    let tens = |from: f64, to: f64| std::iter::successors(Some(from), move |n| (*n < to).then_some(n + 1.0));
    for power in tens(least_seconds, most_seconds) {
        let (seconds, at) = (10_f64.powf(power), y(10_f64.powf(power)));
        add(format_args!("<path d=\"M{LEFT} {at:.1}H{:.1}\" stroke=\"#ddd\"/>", SIZE.0 - RIGHT));
        add(format_args!("<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{seconds} s</text>", LEFT - 8.0, at + 4.0));
    }
    for power in tens(least_users, most_users) {
        let users = 10_f64.powf(power);
        let (at, below) = (x(users), SIZE.1 - BOTTOM + 18.0);
        add(format_args!("<text x=\"{at:.1}\" y=\"{below:.1}\" text-anchor=\"middle\">{users} users</text>"));
    }
    for Line { name, color, dashes, points } in lines {
        let path: Vec<_> =
            points.iter().map(|(users, seconds)| format!("{:.1} {:.1}", x(*users), y(*seconds))).collect();
        let path = path.join("L");
        add(format_args!(
            "<path d=\"M{path}\" fill=\"none\" stroke=\"{color}\" stroke-width=\"2\" stroke-dasharray=\"{dashes}\"/>"
        ));
        if let Some((users, seconds)) = points.last() {
            let (right, at) = (x(*users) + 8.0, y(*seconds) + if dashes.is_empty() { -4.0 } else { 12.0 });
            add(format_args!("<text x=\"{right:.1}\" y=\"{at:.1}\" fill=\"{color}\">{name}</text>"));
        }
    }
    svg + "</svg>\n"
}
