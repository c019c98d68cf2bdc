"""Words that exclude each other where all else is the same, in English.

Input: two words; output: what sort of opposites they are.
"""

from __future__ import annotations

import re


def _words(said: str) -> frozenset[str]:
    return frozenset(re.findall(r"[\w']+", said))


NEGATIONS = _words(
    """
    not no never cannot none neither nor without nothing nobody hardly n't
    """
)
"""Words that turn a statement round; an even number of them does not."""

_PAIRS = """
    increase/decrease increases/decreases increased/decreased increasing/decreasing
    rise/fall rises/falls rising/falling grow/shrink grows/shrinks growing/shrinking
    raise/lower raises/lowers raised/lowered raising/lowering
    higher/lower high/low highest/lowest larger/smaller large/small largest/smallest
    bigger/smaller greater/smaller greater/less more/less more/fewer most/least
    longer/shorter long/short faster/slower fast/slow stronger/weaker strong/weak
    hardest/easiest simplest/hardest cheapest/dearest greatest/least greatest/smallest
    biggest/smallest longest/shortest fastest/slowest strongest/weakest earliest/latest
    fewest/most deepest/shallowest widest/narrowest nearest/farthest oldest/newest
    better/worse best/worst improve/worsen improves/worsens improves/hurts improve/hurt
    improves/degrades improve/degrade helps/hurts help/hurt helps/harms help/harm
    good/bad easy/hard easier/harder simple/complex cheap/expensive cheaper/dearer
    above/below over/under before/after first/last earlier/later early/late
    maximum/minimum maximal/minimal maximise/minimise maximize/minimize
    maximises/minimises maximizes/minimizes maximised/minimised maximized/minimized
    upper/lower top/bottom left/right inside/outside positive/negative
    true/false correct/incorrect valid/invalid possible/impossible likely/unlikely
    known/unknown biased/unbiased supervised/unsupervised labelled/unlabelled labeled/unlabeled
    linear/nonlinear convex/nonconvex stable/unstable balanced/unbalanced balanced/imbalanced
    bounded/unbounded stationary/nonstationary parametric/nonparametric dependent/independent
    sensitive/insensitive necessary/unnecessary related/unrelated similar/dissimilar
    same/different equal/unequal symmetric/asymmetric deterministic/stochastic
    discrete/continuous finite/infinite local/global online/offline static/dynamic
    frozen/trainable shared/separate dense/sparse shallow/deep narrow/wide
    allowed/forbidden allowed/prohibited required/optional mandatory/optional
    enabled/disabled enable/disable include/exclude includes/excludes included/excluded
    add/remove adds/removes added/removed accept/reject accepts/rejects
    overfit/underfit overfits/underfits overfitting/underfitting
    overestimates/underestimates overestimate/underestimate
    succeed/fail succeeds/fails converge/diverge converges/diverges
    encourage/discourage encourages/discourages with/without open/closed yes/no
    can/cannot must/mustn't
"""
_QUANTIFIERS = """
    always/never also/never always/sometimes always/rarely always/seldom often/rarely often/seldom
    often/never usually/rarely usually/never sometimes/never frequently/rarely
    all/some all/none all/no all/few every/no every/some each/no most/few many/few
    all/any all/one every/one each/one many/one several/one once/repeatedly
    both/neither both/one everything/nothing everyone/nobody
"""
_DIRECTIONS = _words(
    """
    increase increases increased increasing decrease decreases decreased decreasing rise
    rises rising fall falls falling grow grows growing shrink shrinks shrinking raise
    raises raised raising lower lowers lowered lowering higher larger smaller bigger
    greater less more fewer longer shorter faster slower stronger weaker better worse
    improve improves worsen worsens
    """
)
_EXCLUSIVE = (
    _words(
        """
        january february march april may june july august september october november december
        """
    ),
    _words("monday tuesday wednesday thursday friday saturday sunday"),
)


def _table(said: str) -> frozenset[tuple[str, str]]:
    pairs = [tuple(pair.split("/")) for pair in said.split()]
    return frozenset((a, b) for one, other in pairs for a, b in ((one, other), (other, one)))


_OPPOSITES, _AMOUNTS = _table(_PAIRS), _table(_QUANTIFIERS)


def opposed(one: str, other: str) -> str | None:
    """Returns what sort of opposites two words in lower case are; None where they are none."""
    if (one, other) in _AMOUNTS:
        return "quantifier"
    if (one, other) in _OPPOSITES:
        return "direction" if {one, other} <= _DIRECTIONS else "opposite"
    if one != other and any({one, other} <= days for days in _EXCLUSIVE):
        return "date"
    return None
