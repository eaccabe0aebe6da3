//! The report files that every run leaves. How each is rendered is in the module of the format.

/// A report file that every run leaves in its folder. Everything that lists the reports (writing,
/// verification, the documents, the links of the HTML report) takes them from here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ReportFormat {
    /// The folded record as JSON.
    Record,
    /// JUnit XML.
    Junit,
    /// OSCAL Assessment Results.
    Oscal,
    /// The report for a signature: tagged PDF.
    Pdf,
    /// What that report shortens.
    Annex,
    /// One self-contained HTML page.
    Html,
}

impl ReportFormat {
    /// All formats in the order in which they are written.
    pub const ALL: [Self; 6] = [Self::Record, Self::Junit, Self::Oscal, Self::Pdf, Self::Annex, Self::Html];

    /// The file's name in the run's folder.
    pub const fn file_name(self) -> &'static str {
        match self {
            Self::Record => "record.json",
            Self::Junit => "junit.xml",
            Self::Oscal => "oscal-assessment-results.json",
            Self::Pdf => "report.pdf",
            Self::Annex => "report-annex.pdf",
            Self::Html => "report.html",
        }
    }

    /// The IANA media type of the file.
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Record | Self::Oscal => "application/json",
            Self::Junit => "application/xml",
            Self::Pdf | Self::Annex => "application/pdf",
            Self::Html => "text/html; charset=utf-8",
        }
    }

    /// What the file holds and for whom, as a fragment.
    pub const fn description(self) -> &'static str {
        match self {
            Self::Record => "the run folded from its events; every report is made from it",
            Self::Junit => {
                "for CI: one test for each drill; failed is a failure, unknown an error, not run is skipped"
            }
            Self::Oscal => "for audit programs: controls and findings as OSCAL Assessment Results",
            Self::Pdf => {
                "for the auditor's folder, at most 12 pages: summary, exceptions, controls, limits, signatures"
            }
            Self::Annex => "annex to that: every drill, finding, control and digest",
            Self::Html => "for people: verdict, reasons, what was not shown and page images in one file",
        }
    }
}
