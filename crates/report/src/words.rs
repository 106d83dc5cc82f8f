//! What a report can be said to be: expressions and sentences over its figures and tables.

use crate::ReportError;
use crate::declare::PointDef;
use crate::model::{Figure, Point, Report};
use crate::say;
use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment, UndefinedBehavior, Value, context};
use std::collections::BTreeMap;

/// A report's values for expressions: figures by id (none where there is no data), what they were
/// before, tables by id as lists of rows, `told.<id>` in words, `period`, `subject`, `tenant`.
pub struct Words {
    env: Environment<'static>,
    values: Value,
    figures: BTreeMap<String, Option<f64>>,
}

impl Words {
    /// Of a report.
    pub fn of(report: &Report) -> Words {
        let mut env = Environment::new();
        env.set_undefined_behavior(UndefinedBehavior::Chainable);
        env.set_auto_escape_callback(|_| AutoEscape::None);
        filters(&mut env);
        let figures: BTreeMap<String, Option<f64>> =
            report.figures().map(|f| (f.id.clone(), f.value)).collect();
        let by_id = |of: &dyn Fn(&Figure) -> Value| -> BTreeMap<String, Value> {
            let all = report.figures();
            all.map(|f| (f.id.clone(), of(f))).collect()
        };
        let mut values = by_id(&|f| Value::from(f.value));
        values.insert("told".into(), told(report));
        values.insert("before".into(), by_id(&|f| Value::from(f.before)).into());
        values.insert("terms".into(), by_id(&terms).into());
        let changes = by_id(&|f| Value::from(f.change_percent));
        values.insert("change".into(), changes.into());
        for table in report.tables() {
            values.insert(table.id.clone(), Value::from(Serde(table.by_column())));
        }
        let texts =
            |points: &[Point]| -> Vec<String> { points.iter().map(|p| p.text.clone()).collect() };
        let subject = report.subject.as_ref().map(|s| s.value.clone());
        let fixed = [
            ("period", Value::from(Serde(&report.period))),
            ("subject", Value::from(subject)),
            ("tenant", Value::from(&report.tenant)),
            ("generated_at", Value::from(&report.generated_at)),
            (
                "complete_through",
                Value::from(report.complete_through.clone()),
            ),
            ("talking_points", Value::from(texts(&report.talking_points))),
            (
                "recommendations",
                Value::from(texts(&report.recommendations)),
            ),
            ("missing", Value::from(report.missing.clone())),
        ];
        values.extend(fixed.map(|(n, v)| (n.to_owned(), v)));
        Words {
            env,
            values: values.into(),
            figures,
        }
    }

    /// The value of an expression; one more name may be given.
    ///
    /// # Errors
    /// It is none, or cannot be computed.
    pub fn value(
        &self,
        expression: &str,
        more: Option<(&str, &Value)>,
    ) -> Result<Value, ReportError> {
        let wrong = |e: minijinja::Error| ReportError::Template {
            name: format!("`{expression}`"),
            reason: e.to_string(),
        };
        let compiled = self.env.compile_expression(expression).map_err(wrong)?;
        let value = match more {
            None => compiled.eval(self.values.clone()),
            Some((name, value)) => {
                let own: BTreeMap<String, Value> = [(name.to_owned(), value.clone())].into();
                compiled.eval(context! { ..Value::from(own), ..self.values.clone() })
            }
        };
        value.map_err(wrong)
    }

    /// A sentence, filled.
    ///
    /// # Errors
    /// As of [`Words::value`].
    pub fn sentence(&self, text: &str) -> Result<String, ReportError> {
        let filled = self.env.render_str(text, self.values.clone());
        filled.map_err(|e| ReportError::Template {
            name: format!("`{text}`"),
            reason: e.to_string(),
        })
    }

    /// A point, where its condition holds and each figure that it names has a value.
    ///
    /// # Errors
    /// As of [`Words::value`].
    pub fn point(&self, of: &PointDef) -> Result<Option<Point>, ReportError> {
        let when = of.when.as_deref().unwrap_or("true");
        let mut names = Vec::new();
        if let Ok(template) = self.env.template_from_str(&of.say) {
            names.extend(template.undeclared_variables(true));
        }
        if let Ok(condition) = self.env.compile_expression(when) {
            names.extend(condition.undeclared_variables(true));
        }
        let mut cites = BTreeMap::new();
        for name in names.iter().flat_map(|n| n.split('.')) {
            match self.figures.get(name) {
                Some(Some(value)) => _ = cites.insert(name.to_owned(), *value),
                Some(None) => return Ok(None),
                None => {}
            }
        }
        if !self.value(when, None)?.is_true() {
            return Ok(None);
        }
        let text = self.sentence(&of.say)?;
        Ok(Some(Point { text, cites }))
    }
}

/// What the formula of a figure was given, by name.
fn terms(figure: &Figure) -> Value {
    let all = figure.terms.iter();
    let terms: BTreeMap<&str, Option<f64>> = all.map(|t| (t.name.as_str(), t.value)).collect();
    Value::from(Serde(terms))
}

/// Figures in words, with their unit.
fn told(report: &Report) -> Value {
    let all = report.figures();
    let told: BTreeMap<String, String> = all
        .map(|f| (f.id.clone(), say::number(f.value, &f.unit, f.decimals)))
        .collect();
    Value::from(Serde(told))
}

/// What templates have beside those of the library: `value | unit('usd', 2)`.
pub(crate) fn filters(env: &mut Environment<'_>) {
    env.add_filter(
        "unit",
        |value: Value, unit: String, decimals: Option<u32>| {
            let number: Option<f64> = f64::try_from(value).ok();
            say::number(number, &unit, decimals.unwrap_or(2))
        },
    );
}
