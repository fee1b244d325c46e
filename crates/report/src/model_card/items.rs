//! The items of TRIPOD+AI, in our words.

use super::super::gathered::Gathered;
use super::answers;

/// One item.
pub struct Item {
    /// Its number there.
    pub number: &'static str,
    /// The part of a paper that it belongs to.
    pub section: &'static str,
    /// What it is about.
    pub topic: &'static str,
    /// What results in the store say of it.
    pub answer: Option<fn(&Gathered) -> Option<String>>,
    /// What the authors have to say.
    pub authors: Option<&'static str>,
}

const fn authors(
    section: &'static str,
    number: &'static str,
    topic: &'static str,
    authors: &'static str,
) -> Item {
    Item {
        number,
        section,
        topic,
        answer: None,
        authors: Some(authors),
    }
}

const fn answered(
    section: &'static str,
    number: &'static str,
    topic: &'static str,
    answer: fn(&Gathered) -> Option<String>,
    authors: Option<&'static str>,
) -> Item {
    Item {
        number,
        section,
        topic,
        answer: Some(answer),
        authors,
    }
}

const FRONT: &str = "Title and abstract";
const INTRODUCTION: &str = "Introduction";
const METHODS: &str = "Methods";
const OPEN: &str = "Open science";
const INVOLVEMENT: &str = "Patient and public involvement";
const RESULTS: &str = "Results";
const DISCUSSION: &str = "Discussion";

/// Every item, in order.
#[rustfmt::skip]
pub const ITEMS: [Item; 52] = [
    authors(FRONT, "1", "Title", "that a prediction model is developed or evaluated, for whom, and what it predicts"),
    authors(FRONT, "2", "Abstract", "a summary by TRIPOD+AI for Abstracts"),
    authors(INTRODUCTION, "3a", "Background", "the healthcare context, whether diagnostic or prognostic, the rationale, and existing models"),
    authors(INTRODUCTION, "3b", "Target population", "for whom and where in the care pathway the model is meant, and its intended users"),
    authors(INTRODUCTION, "3c", "Health inequalities", "known inequalities between sociodemographic groups"),
    authors(INTRODUCTION, "4", "Objectives", "the objectives, and whether the model is developed, evaluated, or both"),
    answered(METHODS, "5a", "Sources of data", answers::sources, Some("where the data come from, why these, and whom they represent")),
    authors(METHODS, "5b", "Dates", "when participants were accrued and followed"),
    authors(METHODS, "6a", "Setting", "the care setting, and number and location of centres"),
    answered(METHODS, "6b", "Eligibility", answers::eligibility, Some("the criteria by which participants came into the source")),
    authors(METHODS, "6c", "Treatments", "treatments received, and how they were handled"),
    answered(METHODS, "7", "Data preparation", answers::preparation, Some("what was done to the data before this recipe, and whether alike across sociodemographic groups")),
    authors(METHODS, "8a", "Outcome", "the outcome and its time horizon, how and when it was assessed, alike across sociodemographic groups or not, and why it was chosen"),
    authors(METHODS, "8b", "Outcome assessors", "their qualifications, if the assessment needs judgement"),
    authors(METHODS, "8c", "Blinding of the outcome", "what was done to assess it blindly"),
    authors(METHODS, "9a", "Choice of predictors", "how the initial predictors were chosen"),
    answered(METHODS, "9b", "Predictors", answers::predictors, Some("how and when each is measured")),
    authors(METHODS, "9c", "Predictor assessors", "their qualifications, if the assessment needs judgement"),
    answered(METHODS, "10", "Sample size", answers::sample_size, Some("how it was arrived at and that it suffices")),
    answered(METHODS, "11", "Missing data", answers::missing_data, Some("reasons for missing values in the source")),
    answered(METHODS, "12a", "Use of the data", answers::use_of_data, Some("how the settings of the recipe were chosen, and on which data")),
    answered(METHODS, "12b", "Handling of predictors", answers::preparation, None),
    answered(METHODS, "12c", "Model and its building", answers::model_building, Some("the rationale of the choices")),
    authors(METHODS, "12d", "Heterogeneity", "whether and how differences between clusters (hospitals, countries) were handled"),
    answered(METHODS, "12e", "Measures of performance", answers::measures, None),
    answered(METHODS, "12f", "Model updating", answers::updating, Some("updating that came from the evaluation, if any")),
    answered(METHODS, "12g", "Computing predictions", answers::predictions, None),
    answered(METHODS, "13", "Class imbalance", answers::class_imbalance, Some("why this is done, and that it is undone in the probabilities")),
    answered(METHODS, "14", "Fairness", answers::fairness, Some("which approaches to fairness were taken, and why")),
    answered(METHODS, "15", "Model output", answers::output, Some("why these thresholds")),
    answered(METHODS, "16", "Training versus evaluation", answers::differences_of_splits, Some("differences in setting, eligibility, outcome and predictors")),
    authors(METHODS, "17", "Ethical approval", "the approving body, and consent or its waiver"),
    authors(OPEN, "18a", "Funding", "sources of funding and their role"),
    authors(OPEN, "18b", "Conflicts of interest", "those of all authors"),
    authors(OPEN, "18c", "Protocol", "where it is, or that there is none"),
    authors(OPEN, "18d", "Registration", "the register and number, or that there is none"),
    authors(OPEN, "18e", "Data sharing", "whether and how the data are available"),
    answered(OPEN, "18f", "Code sharing", answers::code, Some("where the code and the recipe are available")),
    authors(INVOLVEMENT, "19", "Involvement", "how patients and the public took part, or that they did not"),
    answered(RESULTS, "20a", "Flow of participants", answers::flow, Some("follow-up time")),
    answered(RESULTS, "20b", "Characteristics", answers::characteristics, Some("dates, demographics and treatments, by setting")),
    answered(RESULTS, "20c", "Comparison with development", answers::differences_of_splits, None),
    answered(RESULTS, "21", "Numbers in each analysis", answers::sample_size, None),
    answered(RESULTS, "22", "Model specification", answers::specification, Some("restrictions on access or reuse")),
    answered(RESULTS, "23a", "Performance", answers::performance, None),
    authors(RESULTS, "23b", "Heterogeneity of performance", "results by cluster, if it was examined"),
    answered(RESULTS, "24", "Updated model", answers::updating, None),
    authors(DISCUSSION, "25", "Interpretation", "the main results, also as to fairness, in the light of objectives and earlier studies"),
    authors(DISCUSSION, "26", "Limitations", "limitations, and their effect on bias, uncertainty and generalisability"),
    authors(DISCUSSION, "27a", "Poor or missing input", "how poor or unavailable predictors should be handled in use"),
    authors(DISCUSSION, "27b", "Interaction and expertise", "whether users must handle the input, and what they need to know"),
    authors(DISCUSSION, "27c", "Next steps", "further research, as to applicability and generalisability"),
];
