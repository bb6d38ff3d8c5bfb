//! Tables of text with aligned columns.

/// Side to which a column is aligned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Align {
    Left,
    Right,
}

/// Rows under a header.
pub(crate) struct Table {
    aligns: Vec<Align>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// Starts a table with these columns.
    pub(crate) fn new(columns: &[(&str, Align)]) -> Self {
        let mut table = Self {
            aligns: Vec::new(),
            rows: vec![Vec::new()],
        };
        for (name, align) in columns {
            table.column(name, *align);
        }
        table
    }

    /// Adds a column.
    pub(crate) fn column(&mut self, name: &str, align: Align) {
        self.aligns.push(align);
        self.rows[0].push(name.to_owned());
    }

    /// Adds a row; missing cells are empty.
    pub(crate) fn row(&mut self, cells: Vec<String>) {
        self.rows.push(cells);
    }

    /// Draws the header and the rows.
    pub(crate) fn lines(&self) -> Vec<String> {
        let width = |column: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..self.aligns.len()).map(width).collect();
        self.rows
            .iter()
            .map(|row| self.line(row, &widths))
            .collect()
    }

    fn line(&self, row: &[String], widths: &[usize]) -> String {
        let mut line = String::new();
        for (index, (align, width)) in self.aligns.iter().zip(widths).enumerate() {
            let cell = row.get(index).map_or("", String::as_str);
            let padding = " ".repeat(width - cell.chars().count());
            let gap = if index == 0 { "" } else { "  " };
            match align {
                Align::Left => line.push_str(&format!("{gap}{cell}{padding}")),
                Align::Right => line.push_str(&format!("{gap}{padding}{cell}")),
            }
        }
        line.truncate(line.trim_end().len());
        line
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_by_characters() {
        let mut table = Table::new(&[("#", Align::Right), ("name", Align::Left)]);
        table.column("n", Align::Right);
        table.row(vec!["1".to_owned(), "été".to_owned(), "2.50".to_owned()]);
        table.row(vec!["10".to_owned(), "x".to_owned()]);
        assert_eq!(table.lines(), [" #  name     n", " 1  été   2.50", "10  x"]);
    }
}
