//! Tables with one row for each stay and time, and a column for each variable.

use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::sync::{Mutex, PoisonError};

use super::cohort::Cohort;
use super::row_label::{RowLabels, row_class};
use super::row_place::{RowPlaces, event_of};
use super::row_span::RowSpan;
use super::row_statics::{PartStatics, RowStatics};
use super::row_tables::RowTables;
use super::rows::{RowTaker, Rows, position_of};
use super::rules::ReadRules;
use super::stay_table::StayTable;
use super::variable_columns::VariableColumns;
use super::{ComparedIds, EventSource, Sought};
use crate::config::{SplitRule, WideSource};
use crate::go_on;
use crate::id_names::{counts_rows, index_in_words, may_count_rows};
use crate::ingest::{Ingested, PartWriter, RawEvent};
use crate::missing::MissingText;
use pipeline_error::Error;
use pipeline_error::pasted::toml_string;

/// The tables of a recipe's source.
pub(super) struct Wide {
    config: WideSource,
    rules: ReadRules,
    tables: RowTables,
    /// Of the column `row_label`, gathered while reading.
    row_labels: Mutex<RowLabels>,
    /// Of the columns `statics`.
    row_statics: Mutex<RowStatics>,
    variables: VariableColumns,
    /// A column that is no variable, and that files may lack.
    passed_over: Option<&'static str>,
}

impl Wide {
    /// Lists the files and reads the small tables.
    pub(super) fn open(
        config: WideSource,
        split: &SplitRule,
        rules: ReadRules,
    ) -> Result<Self, Error> {
        let (stays, labels) = (config.stays.as_ref(), config.labels.as_ref());
        let rules = ReadRules {
            missing: MissingText::all(&config.missing),
            ..rules
        };
        let cohort = Cohort::open(stays, labels, &config.time, split, rules.clone())?;
        Ok(Self {
            tables: RowTables::open(
                &config.files,
                config.delimiter,
                config.id.as_ref(),
                &config.time,
                cohort,
                split,
            )?,
            config,
            rules,
            row_labels: Mutex::default(),
            row_statics: Mutex::default(),
            variables: VariableColumns::default(),
            passed_over: None,
        })
    }

    /// The same without this column, where files have it.
    pub(super) fn passing_over(mut self, column: Option<&'static str>) -> Self {
        self.passed_over = column;
        self
    }
}

impl EventSource for Wide {
    fn parts(&self) -> usize {
        self.tables.parts()
    }

    fn read(
        &self,
        part: usize,
        out: &mut PartWriter,
        interrupted: &AtomicBool,
    ) -> Result<(), Error> {
        if self.tables.is_of_stays(part) {
            return self.tables.write_statics(out);
        }
        let mut taker = WideRows {
            config: &self.config,
            rules: &self.rules,
            tables: &self.tables,
            variables: &self.variables,
            passed_over: self.passed_over,
            places: self.tables.places(),
            labels: RowLabels::default(),
            statics: PartStatics::default(),
            out,
            interrupted,
        };
        self.tables.read(part, &mut taker)?;
        let WideRows {
            labels, statics, ..
        } = taker;
        let all = self.row_labels.lock();
        all.unwrap_or_else(PoisonError::into_inner).merge(labels);
        let all = self.row_statics.lock();
        let mut all = all.unwrap_or_else(PoisonError::into_inner);
        all.write_new(statics, out)
    }

    fn stays(&self, ingested: &Ingested) -> Result<StayTable, Error> {
        let mut stays = self.tables.stays(ingested, self.config.stays.as_ref())?;
        stays.notes.extend(self.variables.note());
        // Where the rows hold the label themselves, their other columns are no outcomes.
        if let Some(table) = &self.config.labels
            && self.tables.has(table.path.as_ref())
        {
            stays.outcomes.retain(|column| *column == table.column);
        }
        if let Some(column) = &self.config.row_label {
            let labels = self.row_labels.lock();
            let labels = labels.unwrap_or_else(PoisonError::into_inner);
            labels.label(&self.config, &mut stays)?;
            stays.outcomes.insert(column.clone());
        }
        Ok(stays)
    }

    fn compared_ids(
        &self,
        column: &str,
        of_patients: bool,
        interrupted: &AtomicBool,
    ) -> Result<ComparedIds, Error> {
        let stays = self.config.stays.as_ref();
        (self.tables).compared_ids((column, of_patients), stays, interrupted)
    }

    fn place_of(&self, name: Sought) -> Option<String> {
        let column = match name {
            Sought::Stay(_) => Some(self.config.id.as_deref()?),
            Sought::Variable(_) => None,
            Sought::Category(variable, _) => Some(variable),
        };
        self.tables.place_of(name, column.as_slice())
    }
}

struct WideRows<'a, 'w> {
    config: &'a WideSource,
    rules: &'a ReadRules,
    tables: &'a RowTables,
    variables: &'a VariableColumns,
    passed_over: Option<&'static str>,
    places: RowPlaces<'a>,
    labels: RowLabels,
    statics: PartStatics,
    out: &'a mut PartWriter<'w>,
    interrupted: &'a AtomicBool,
}

impl WideRows<'_, '_> {
    fn row_number(&self, file: &Path, name: &str) -> Error {
        let leave_out = match self.rules.settings.of_tables {
            true => format!("ignore = [{}] leaves it out", toml_string(name)),
            false => "write the files without it (pandas: index=False)".into(),
        };
        Error::file(file, index_in_words(name)).with_hint(format!(
            "{leave_out}; if it is a variable, give it a name of its own (pandas: reset_index)"
        ))
    }
}

impl RowTaker for WideRows<'_, '_> {
    fn begin(&mut self, file: &Path) -> Result<(), Error> {
        self.places.begin(file, self.out)
    }

    /// The time, the stay's id, the label of rows, statics, then the variables.
    fn select(&self, file: &Path, header: &[String]) -> Result<Vec<usize>, Error> {
        let config = self.config;
        self.tables.see(header);
        let leading = [
            Some(&config.time.column),
            config.id.as_ref(),
            config.row_label.as_ref(),
        ];
        let leading = leading.into_iter().flatten().chain(&config.statics);
        let mut selected = leading
            .map(|name| position_of(file, header, name))
            .collect::<Result<Vec<usize>, Error>>()?;
        let leading = selected.len();
        for name in config.ignore.iter().filter(|name| !name.is_empty()) {
            position_of(file, header, name)?;
        }
        for (at, name) in header.iter().enumerate() {
            let is_ignored = config.ignore.contains(name) || self.passed_over == Some(name);
            if !selected.contains(&at) && !is_ignored {
                if counts_rows(name) || (at == 0 && may_count_rows(name)) {
                    return Err(self.row_number(file, name));
                }
                position_of(file, header, name)?;
                selected.push(at);
            }
        }
        // A file that is a stay has what was measured of it.
        if config.id.is_some() {
            let variables = selected[leading..].iter().map(|&at| &header[at]);
            self.variables.see(file, variables);
        }
        Ok(selected)
    }

    fn check_index(&self, file: &Path, index: &[String]) -> Result<(), Error> {
        let config = self.config;
        let named = [
            Some(&config.time.column),
            config.id.as_ref(),
            config.row_label.as_ref(),
        ];
        let named = named.into_iter().flatten().chain(&config.statics);
        let named: Vec<&String> = named.chain(&config.ignore).collect();
        match index.iter().find(|name| !named.contains(name)) {
            Some(name) => Err(self.row_number(file, name)),
            None => Ok(()),
        }
    }

    fn take(&mut self, rows: &Rows) -> Result<(), Error> {
        go_on(self.interrupted)?;
        let label = (self.config.row_label.as_ref()).map(|_| self.places.columns());
        let first_static = self.places.columns() + usize::from(label.is_some());
        let first_variable = first_static + self.config.statics.len();
        // Times, ids and labels are no variables, and are skipped below.
        let variables: Vec<u32> = (rows.names.iter().enumerate())
            .map(|(column, name)| match column < first_static {
                true => 0,
                false => self.out.variable(name),
            })
            .collect();
        self.out.counts().rows += rows.len() as u64;
        for row in 0..rows.len() {
            let Some((series, time)) = self.places.place(rows, row, self.out)? else {
                continue;
            };
            let id = self.places.id();
            let class = label.map(|label| row_class(rows, row, label, id, self.rules));
            let class = class.transpose()?.flatten();
            let mut has_event = false;
            let columns = (rows.names.iter()).zip(&rows.columns).zip(&variables);
            for (column, ((name, cells), &variable)) in columns.enumerate().skip(first_static) {
                let told = (id, self.rules);
                let event = event_of(rows, row, cells, (variable, name), told, self.out)?;
                let Some((variable, value)) = event else {
                    self.out.counts().missing += 1;
                    continue;
                };
                if column < first_variable {
                    self.statics
                        .add((id, series), (column, name), (variable, value))
                        .map_err(|what| rows.error(row, what))?;
                    continue;
                }
                let event = RawEvent {
                    time,
                    value,
                    variable,
                    set: 0,
                };
                self.out.push(series, event)?;
                has_event = true;
            }
            if label.is_some() {
                self.labels.add(id, RowSpan::of(time, has_event, class));
            }
        }
        Ok(())
    }
}
