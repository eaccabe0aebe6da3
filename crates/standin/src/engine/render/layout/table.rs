//! Tables: widths of the columns, rows as slices, the header again on each page.

use super::{Layouter, Mark, Slice, TextStyle, fill};
use crate::engine::render::{
    RenderError,
    definition::{ROW_LINE, Table},
    expand::Grid,
    style::{Align, Colour, Style},
};
use std::rc::Rc;

/// Points between a cell's edge and its text: above and below, left and right.
const PADDING: [f32; 2] = [4.0, 6.0];
/// A column that the content sizes is at least and at most this wide, in points.
const NATURAL: [f32; 2] = [36.0, 240.0];

/// One cell of a row: position, text and style.
struct Cell<'g> {
    x: f32,
    width: f32,
    text: &'g str,
    text_style: TextStyle,
    background: Option<Colour>,
}

impl Layouter<'_> {
    pub(super) fn table(
        &self,
        grid: &Grid<'_>,
        width: f32,
        text_style: &TextStyle,
        path: &str,
    ) -> Result<Vec<Slice>, RenderError> {
        let widths = self.widths(grid, width, text_style);
        let mut header = self.banners(grid, &widths, text_style, path)?;
        header.push(self.header(grid, &widths, text_style, path)?);
        header.iter_mut().for_each(|slice| slice.keep = true);
        let again = grid.table.repeat_header.unwrap_or(true).then(|| Rc::new(header.clone()));
        let mut slices = Vec::new();
        if let Some(caption) = &grid.caption {
            slices.extend(self.lines(
                caption,
                &TextStyle { bold: true, ..text_style.clone() },
                width,
                path,
            )?);
            slices.push(Slice::gap(4.0));
            slices.iter_mut().for_each(|slice| slice.keep = true);
        }
        slices.append(&mut header);
        for (i, row) in grid.rows.iter().enumerate() {
            let mut slice = self.body_row(grid, (i, row), &widths, text_style, path)?;
            slice.header.clone_from(&again);
            slices.push(slice);
        }
        if let (true, Some(text)) = (grid.rows.is_empty(), &grid.empty) {
            let cell = Cell { x: 0.0, width, text, text_style: text_style.clone(), background: None };
            slices.push(self.row(&[cell], None, Some(ROW_LINE.colour), path)?);
        }
        if let Some(footer) = &grid.footer {
            // Totals do not stand alone on a page.
            if let Some(last) = slices.last_mut() {
                last.keep = true;
            }
            let mut slice = self.footer(grid, footer, &widths, text_style, path)?;
            slice.header = again;
            slices.push(slice);
        }
        Ok(slices)
    }

    /// Given widths as given, the rest distributed by the length of the columns' text.
    fn widths(&self, grid: &Grid<'_>, width: f32, text_style: &TextStyle) -> Vec<f32> {
        let columns = &grid.table.columns;
        let given = |i: usize| columns[i].width.and_then(|length| length.points(width, text_style.size));
        let natural = |i: usize| {
            // The first rows are a sample: measuring every cell would cost too much.
            let cells = grid.rows.iter().take(200).filter_map(|row| row.get(i));
            let texts =
                cells.chain(grid.header.get(i)).chain(grid.footer.iter().filter_map(|row| row.get(i)));
            let longest = texts.map(|text| self.fonts.width(text, text_style.size, true)).fold(0.0, f32::max);
            (longest + 2.0 * PADDING[1]).clamp(NATURAL[0], NATURAL[1])
        };
        let wanted: Vec<(bool, f32)> = (0..columns.len())
            .map(|i| given(i).map_or_else(|| (false, natural(i)), |points| (true, points.clamp(1.0, width))))
            .collect();
        let sum = |fixed: bool| wanted.iter().filter(|(f, _)| *f == fixed).map(|(_, w)| w).sum::<f32>();
        let (fixed, free) = (sum(true), sum(false));
        let rest = (width - fixed).max(0.2 * width * f32::from(free > 0.0));
        let widths = wanted.iter().map(|(f, w)| if *f { *w } else { w * rest / free });
        let widths: Vec<f32> = widths.collect();
        let total: f32 = widths.iter().sum();
        widths.into_iter().map(|w| if total > width { w * width / total } else { w }).collect()
    }

    fn banners(
        &self,
        grid: &Grid<'_>,
        widths: &[f32],
        text_style: &TextStyle,
        path: &str,
    ) -> Result<Vec<Slice>, RenderError> {
        let mut slices = Vec::new();
        for (row, texts) in grid.table.header_rows.iter().zip(&grid.banners) {
            let row_look = TextStyle { bold: true, ..text_style.clone() }.with(&row.style);
            let mut column = 0;
            let cells = row.cells.iter().zip(texts).map(|(cell, text)| {
                let end = (column + cell.colspan.unwrap_or(1)).min(widths.len());
                let x = widths[..column].iter().sum();
                let width = widths[column..end].iter().sum();
                column = end;
                let mut text_style = row_look.with(&cell.style);
                text_style.align = cell.style.text_align.unwrap_or(cell.align);
                Cell { x, width, text, text_style, background: cell.style.background_color }
            });
            let cells: Vec<_> = cells.collect();
            slices.push(self.row(&cells, row.style.background_color, Some(ROW_LINE.colour), path)?);
        }
        Ok(slices)
    }

    fn header(
        &self,
        grid: &Grid<'_>,
        widths: &[f32],
        text_style: &TextStyle,
        path: &str,
    ) -> Result<Slice, RenderError> {
        let style = &grid.table.header_row_style;
        let text_style =
            TextStyle { bold: true, size: text_style.size * 0.9, ..text_style.clone() }.with(style);
        let columns: Vec<&Style> = grid.table.columns.iter().map(|column| &column.header_style).collect();
        let cells = cells(grid.table, &grid.header, widths, &text_style, &columns);
        let background = style.background_color.unwrap_or(Colour::rgb(0xee, 0xf1, 0xf5));
        self.row(&cells, Some(background), Some(Colour::rgb(0xb4, 0xbc, 0xc6)), path)
    }

    fn body_row(
        &self,
        grid: &Grid<'_>,
        (i, texts): (usize, &[String]),
        widths: &[f32],
        text_style: &TextStyle,
        path: &str,
    ) -> Result<Slice, RenderError> {
        let table = grid.table;
        let mut text_style = text_style.with(&table.body_row_style);
        let mut background = table.body_row_style.background_color;
        if i.is_multiple_of(2) {
            text_style = text_style.with(&table.alternate_row_style);
            background = table.alternate_row_style.background_color.or(background);
        }
        let columns: Vec<&Style> = table.columns.iter().map(|column| &column.style).collect();
        let cells = cells(table, texts, widths, &text_style, &columns);
        self.row(&cells, background, Some(ROW_LINE.colour), path)
    }

    fn footer(
        &self,
        grid: &Grid<'_>,
        texts: &[String],
        widths: &[f32],
        text_style: &TextStyle,
        path: &str,
    ) -> Result<Slice, RenderError> {
        let style = &grid.table.footer_row_style;
        let text_style = TextStyle { bold: true, ..text_style.clone() }.with(style);
        let columns = vec![style; widths.len()];
        let cells = cells(grid.table, texts, widths, &text_style, &columns);
        self.row(&cells, style.background_color, None, path)
    }

    /// One row, as high as its highest cell.
    fn row(
        &self,
        cells: &[Cell<'_>],
        background: Option<Colour>,
        line: Option<Colour>,
        path: &str,
    ) -> Result<Slice, RenderError> {
        let mut texts: Vec<Mark> = Vec::new();
        let mut height = 0.0_f32;
        for cell in cells {
            let inner = (cell.width - 2.0 * PADDING[1]).max(1.0);
            let mut y = PADDING[0];
            for mut slice in self.lines(cell.text, &cell.text_style, inner, path)? {
                slice.marks.iter_mut().for_each(|mark| mark.shift(cell.x + PADDING[1], y));
                texts.append(&mut slice.marks);
                y += slice.height;
            }
            height = height.max(y + PADDING[0]);
        }
        let width = cells.last().map_or(0.0, |cell| cell.x + cell.width);
        let mut marks: Vec<Mark> = fill(0.0, 0.0, width, height, background).into_iter().collect();
        marks.extend(cells.iter().filter_map(|cell| fill(cell.x, 0.0, cell.width, height, cell.background)));
        marks.append(&mut texts);
        marks.extend(fill(0.0, height - ROW_LINE.width, width, ROW_LINE.width, line));
        Ok(Slice::new(height, marks))
    }
}

fn cells<'g>(
    table: &Table,
    texts: &'g [String],
    widths: &[f32],
    text_style: &TextStyle,
    styles: &[&Style],
) -> Vec<Cell<'g>> {
    let mut x = 0.0;
    let columns = table.columns.iter().zip(texts).zip(widths).zip(styles);
    let cells = columns.map(|(((column, text), width), style)| {
        let mut text_style = text_style.with(style);
        text_style.align = match column.align {
            Align::Left => style.text_align.unwrap_or(Align::Left),
            other => other,
        };
        let cell = Cell { x, width: *width, text, text_style, background: style.background_color };
        x += width;
        cell
    });
    cells.collect()
}
