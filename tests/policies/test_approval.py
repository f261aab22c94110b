"""The rule of which calls a person approves: pure."""

from __future__ import annotations

import pytest

from shotclock import Policy
from shotclock.policies.approval import Approval, ApprovalSituation, Ask, Proceed, Unasked
from shotclock.policies.errors import InvalidPolicy

PLAIN = {"tool": "send_mail", "declared": False, "effects": True, "asker": "suspension"}


@pytest.mark.parametrize(
    ("policy", "changes", "kind"),
    [
        (Approval(), {}, Proceed),
        (Approval(), {"declared": True}, Ask),
        (Approval(), {"declared": True, "effects": False}, Ask),
        (Approval(), {"mistrust": "untrusted content came before it"}, Ask),
        (Approval(tools=("send_mail",)), {}, Ask),
        (Approval(tools=("other",)), {}, Proceed),
        (Approval(effects=True), {}, Ask),
        (Approval(effects=True), {"effects": False}, Proceed),
        (Approval(), {"declared": True, "denied": True}, Unasked),
        (Approval(), {"declared": True, "asker": "nobody"}, Unasked),
        (Approval(), {"declared": True, "asker": "callback"}, Ask),
    ],
)
def test_the_table_of_the_rule(policy, changes, kind):
    """Each row of the rule's table decides as it says, with a reason."""
    decided = policy.decide(ApprovalSituation(**PLAIN | changes))
    assert isinstance(decided, kind)
    assert decided.reason


@pytest.mark.parametrize("wrong", [{"tools": "send_mail"}, {"tools": (1,)}, {"effects": "yes"}])
def test_a_wrong_setting_is_named(wrong):
    """A setting that cannot be meant is refused by its name."""
    with pytest.raises(InvalidPolicy, match=f"approval.{next(iter(wrong))}"):
        Approval(**wrong)


def test_it_is_read_from_tables():
    """An SRE names tools without code."""
    assert Policy.from_dict({"approval": {"tools": ["send_mail"]}}).approval == Approval(tools=("send_mail",))
