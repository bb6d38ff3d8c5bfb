//! Turns what was found in a text into edits that leave no trace of how much
//! went: neighbours become one, emptied lines go whole, and no stray signs stay.

use std::ops::Range;

use crate::finder::Found;

/// A range that is replaced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Edit {
    pub(crate) range: Range<usize>,
    pub(crate) instead: String,
}

/// Signs that part details of a line.
const SIGNS: &str = ",;|•·–—-/&:()*~▪●.";

fn is_space(c: char) -> bool {
    c != '\n' && c.is_whitespace()
}

fn is_blank(text: &str) -> bool {
    text.chars().all(|c| is_space(c) || SIGNS.contains(c))
}

/// Returns the edits for what was found, in order and apart from each other.
pub(crate) fn edits(text: &str, found: &mut [Found]) -> Vec<Edit> {
    found.sort_by_key(|one| (one.range.start, std::cmp::Reverse(one.range.end)));
    let mut spans: Vec<Edit> = Vec::with_capacity(found.len());
    let mut removals: Vec<bool> = Vec::with_capacity(found.len());
    for one in found.iter() {
        let removal = one.instead.is_none();
        if let (Some(last), Some(was_removal)) = (spans.last_mut(), removals.last_mut()) {
            let overlaps = one.range.start < last.range.end;
            let near = removal
                && *was_removal
                && !overlaps
                && is_blank(&text[last.range.end..one.range.start]);
            if overlaps || near {
                last.range.end = last.range.end.max(one.range.end);
                // A form that overlaps a detail goes with it.
                if overlaps && removal != *was_removal {
                    *was_removal = true;
                    last.instead.clear();
                }
                continue;
            }
        }
        spans.push(Edit {
            range: one.range.clone(),
            instead: one.instead.clone().unwrap_or_default(),
        });
        removals.push(removal);
    }
    let mut edits: Vec<Edit> = Vec::with_capacity(spans.len());
    for (span, removal) in spans.into_iter().zip(removals) {
        let floor = edits.last().map_or(0, |last| last.range.end);
        let edit = if removal {
            tidy(text, span.range, floor)
        } else {
            span
        };
        match edits.last_mut() {
            Some(last) if edit.range.start < last.range.end => {
                last.range.end = last.range.end.max(edit.range.end);
            }
            _ => edits.push(edit),
        }
    }
    edits
}

/// Widens a removal over the spaces and signs that it leaves without purpose;
/// not before `floor`.
fn tidy(text: &str, mut span: Range<usize>, floor: usize) -> Edit {
    // What stands alone between brackets goes with them.
    if text[floor..span.start].ends_with('(') && text[span.end..].starts_with(')') {
        span = span.start - 1..span.end + 1;
    }
    let line_start = text[..span.start].rfind('\n').map_or(0, |at| at + 1);
    let line_end = text[span.end..]
        .find('\n')
        .map_or(text.len(), |at| span.end + at);
    let before = &text[line_start.max(floor).min(span.start)..span.start];
    let after = &text[span.end..line_end];
    let cut_before = line_start < floor;
    let breaks = text[span.clone()].contains('\n');
    if is_blank(before) && !cut_before && is_blank(after) {
        // The last line goes with the break before it.
        let last = line_end == text.len() && line_start > floor;
        let range = line_start - usize::from(last)..(line_end + 1).min(text.len());
        return Edit {
            range,
            instead: String::new(),
        };
    }
    let is_sign = |c: char| is_space(c) || (SIGNS.contains(c) && c != '(' && c != '.');
    let spaces_after = after.len() - after.trim_start_matches(is_space).len();
    if is_blank(before) && !cut_before {
        let signs = after.len() - after.trim_start_matches(|c| is_sign(c) || c == '.').len();
        span.end += signs;
        return Edit {
            range: span,
            instead: String::new(),
        };
    }
    let spaces_before = before.len() - before.trim_end_matches(is_space).len();
    if is_blank(after) {
        // A bracket that closes belongs to what stays.
        let goes = |c: char| c != ')' && (is_sign(c) || c == '(');
        let signs = before.len() - before.trim_end_matches(goes).len();
        let full_stop = after.trim_end().ends_with('.');
        return Edit {
            range: span.start - signs..line_end,
            instead: if full_stop { "." } else { "" }.to_owned(),
        };
    }
    span.start -= spaces_before;
    span.end += spaces_after;
    // Of the signs on both sides one is enough.
    let parts = |c: char| SIGNS.contains(c) && !"().&".contains(c);
    if text[floor..span.start].ends_with(parts)
        && let Some(rest) = text[span.end..].strip_prefix(parts)
    {
        let rest = rest.trim_start_matches(is_space);
        span.end = text.len() - rest.len();
    }
    let next = text[span.end..].chars().next();
    let closes = next.is_some_and(|c| ",.;:)!?'’".contains(c));
    let opens = text[..span.start].ends_with(['(', '“', '"']);
    let instead = match (breaks, closes || opens) {
        (true, _) => "\n",
        (false, true) => "",
        (false, false) => " ",
    };
    Edit {
        range: span,
        instead: instead.to_owned(),
    }
}
