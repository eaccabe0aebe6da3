//! pulp-drill pdf.
