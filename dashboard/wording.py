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
    "**Suspicion** ranks pairs from 0 to 1 by how much they resemble wrong pairs. It is learned without labels: pairs "
    "are made wrong on purpose, by giving pictures other captions, and a small classifier learns to tell them from the "
    "data set's own pairs. Every pair is judged by models that have not seen it, so none can hide by being learned by "
    "heart. Beside it stands the **probability** that the caption is wrong."
)
DEFENDED_IN_WORDS = (
    "The model that learned this pair leans on it, so there it seems to help. Models that have not seen it would be "
    "better without it."
)
SHARE_CAVEAT = (
    "Near misses (a wrong colour or number) are not counted, and of classes that are often confused only what can be "
    "told: take it as **at least** this many."
)
SHARE_CAVEAT_WITHOUT_CLASSES = (
    "Near misses (a wrong colour or number) and mistakes made so often that they look normal (every fox called a cat) "
    "are not counted: take it as **at least** this many."
)
MADE_WRONG_WORDS = {
    "elsewhere": "captions from elsewhere",
    "confused": "captions of a class often confused with theirs",
    "near": "near misses",
}
NOT_CROSS_FITTED = (
    "This needs at least 100 training pairs and a run of this version. "
    "Run an older one again under another `--name`. Until then pairs are ranked by CLIP score and loss."
)
SUSPICION_UNLEARNED_IN_WORDS = (
    "**Suspicion** of this run ranks pairs from 0 to 1 by low CLIP score and high loss alone. It is a rank, not a "
    "probability."
)


def suspicion_in_words(is_learned: bool) -> str:
    """What suspicion is in a run: learned from pairs made wrong, or without cross-fitting from two scores."""
    return SUSPICION_IN_WORDS if is_learned else SUSPICION_UNLEARNED_IN_WORDS


def percent(share: float) -> str:
    """A share in per cent: whole numbers from 10 on, one decimal below; nothing but 0 is called 0."""
    if 0 < share < 0.0005:
        return "< 0.1%"
    return f"{share:.0%}" if share >= 0.0995 or share == 0 else f"{share:.1%}"


def pairs_in_words(number: int) -> str:
    """A number of pairs."""
    return f"{number:,} pair" if number == 1 else f"{number:,} pairs"


PROPOSAL_WORDS = {"likely wrong": "Likely wrong", "uncertain": "Uncertain", "audit": "Random check"}
PROPOSALS_IN_WORDS = (
    "**Random check**: drawn by lot; these tell how many wrong pairs are left. "
    "**Uncertain**: your answer teaches the ranking most. **Likely wrong**: mistakes worth taking out now."
)

BLIND_IN_WORDS = (
    "Twenty cards whose answer is known: some pairs look right beyond doubt, some got the caption of another pair. "
    "You decide them without knowing which is which, and see how many you recognised. Your answers here are kept apart "
    "and never become decisions."
)
RIGHT_ANYWAY_IN_WORDS = (
    "**Where you and the check differ.** A pair that *looked right to the ranking* may still be wrong: if you are "
    "sure, open it and decide it, for it is a mistake that the ranking missed."
)

_OTHER_CAPTIONS, _OTHER_PICTURES = "Other captions fit this picture better", "The caption fits other pictures better"
_ALIKE_CAPTIONS = "Captions of similar pictures fit this picture better"
_ALIKE_PICTURES = "Pictures with similar captions fit the caption better"
SIGNALS = {
    "similarity": ("Picture and caption lie far apart", -1),
    "association": ("What the picture shows and what the caption says seldom go together", -1),
    "caption_loss": (_OTHER_CAPTIONS, 1),
    "image_loss": (_OTHER_PICTURES, 1),
    "caption_association_loss": (_OTHER_CAPTIONS, 1),
    "image_association_loss": (_OTHER_PICTURES, 1),
    "margin": ("Some other caption or picture fits better", -1),
    "label_quality": ("The picture looks like another class", -1),
    "model_similarity": ("The model itself finds that the caption fits badly", -1),
    "alike_caption_loss": (_ALIKE_CAPTIONS, 1),
    "alike_image_loss": (_ALIKE_PICTURES, 1),
    "alike_caption_association_loss": (_ALIKE_CAPTIONS, 1),
    "alike_image_association_loss": (_ALIKE_PICTURES, 1),
    "lemon_image": ("The caption is unlike the captions of similar pictures", 1),
    "lemon_text": ("The picture is unlike the pictures of similar captions", 1),
    "unseen_influence": ("Without it the validation loss would be lower", -1),
    "unseen_influence_related": ("Without it the loss on related validation pairs would be lower", -1),
}
"""what each column of the signals table says of a pair, and the sign that makes higher mean more suspect"""

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
    "Keys: **K** keep · **D** drop · **L** relabel · **U** unsure · **Z** undo · **Space** look closer · **?** all keys"
)

SCORE_HELP = {
    "suspicion": "0 to 1; 1 is most suspicious. A rank over all training pairs, learned from pairs made wrong on "
    "purpose, by models that have not seen the pair.",
    "clip_score": "Cosine of picture and caption in the model, −1 to 1. Higher fits better.",
    "pair_loss": "Loss of this pair in its batch, in nats. Higher fits worse.",
    "influence": "Effect on the validation loss, in nats. Below 0 the pair hurts.",
    "self_influence": "Self-influence: how much worse the model would fit this very pair had it never seen it, in nats "
    "± standard error. A pair high in this ranking is held up by itself alone, as rare and wrong pairs often are.",
}
