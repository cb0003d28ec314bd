"""The words of the screen, in one place: short, without jargon, the same everywhere."""

APP_TITLE = "ECIF"
TAGLINE = "Find the image–caption pairs that make a CLIP-style model wrong."

VERDICT_WORDS = {"keep": "Keep", "drop": "Drop", "relabel": "Relabel", "unsure": "Unsure"}
VERDICT_ICONS = {
    "keep": ":material/check_circle:",
    "drop": ":material/delete:",
    "relabel": ":material/edit:",
    "unsure": ":material/help:",
}

DECISION_COLUMNS = {"decided_at": "when (UTC)", "annotator": "who", "new_caption": "new caption", "pair_id": "pair"}

SORTS = {
    "suspicion": "Most suspicious first",
    "influence": "Hurts validation most first",
    "relative": "Hurts most for its size first",
    "clip": "Caption fits least first",
    "loss": "Highest loss first",
    "table": "Table order",
}
SHOWS = {"open": "Not decided", "decided": "Decided", "all": "All"}

INFLUENCE_IN_WORDS = (
    "**Influence** says what would happen to the model if a pair had not been there. "
    "Orange bars to the left: the pair **hurts** – without it the model would be less wrong. "
    "Teal bars to the right: it **helps**."
)
ROLES_IN_WORDS = (
    "A pair acts twice. With its **own match** it teaches that this picture and this caption belong together. "
    "**As a negative** it teaches every other pair of its batch what they are not."
)
SUSPICION_IN_WORDS = (
    "**Suspicion** ranks pairs from 0 to 1 by how badly picture and caption fit for this model: "
    "a low CLIP score and a high loss raise it. It is a rank, not a probability."
)
RELATIVE_IN_WORDS = (
    "Culprits are ranked by **relative influence**: the effect on this prediction, divided by how much the pair "
    "moves the model at all. So pairs come first that explain *this* mistake, not those that shake everything."
)
RANKED_IN_WORDS = {
    "positive": "Ranked by what each pair taught through its own match.",
    "both": "Ranked by what each pair taught in both of its roles.",
}
DISTURBS_IN_WORDS = (
    "In its batches this pair was a **wrong answer** for other pairs and pushed their pictures and captions away from "
    "its own. Here are those for whom that push matters most to the validation loss. Orange: the push does harm. "
    "Teal: it helps."
)
KEYS_IN_WORDS = (
    "Keys: **1** keep · **2** drop · **3** relabel · **4** unsure · **U** undo · **Enter** open · **?** all keys"
)

SCORE_HELP = {
    "suspicion": "0 to 1; 1 is most suspicious. A rank over all training pairs.",
    "clip_score": "Cosine of picture and caption in the model, −1 to 1. Higher fits better.",
    "pair_loss": "Loss of this pair in its batch, in nats. Higher fits worse.",
    "influence": "Effect on the validation loss, in nats. Below 0 the pair hurts.",
    "self_influence": "Self-influence: how much worse the model would fit this very pair had it never seen it, in nats "
    "± standard error. A pair high in this ranking is held up by itself alone, as rare and wrong pairs often are.",
}
