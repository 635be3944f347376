"""A trial's time stands still while its runtime failed before it was whole; one whose runtime never was ready says so."""

from django.db import migrations, models
from django.db.models import Q

REASONS = ["", "not_confirmed", "not_eligible", "organisation_has_trial", "region_closed", "tenant_closed", "trial_exists",
           "trials_closed", "withdrawn"]  # fmt: skip
MORE = sorted([*REASONS, "not_built"])


class Migration(migrations.Migration):
    """A column, and one reason more."""

    dependencies = [("trials", "0004_rules_end")]

    operations = [
        migrations.AddField("trial", "held_since", models.DateTimeField(null=True)),
        migrations.AddConstraint(
            "trial",
            models.CheckConstraint(
                condition=Q(held_since__isnull=True) | Q(stage="active"), name="trial_held_while_it_runs"
            ),
        ),
        migrations.RemoveConstraint("trial", "trial_reason_is_known"),
        migrations.AddConstraint(
            "trial", models.CheckConstraint(condition=Q(reason__in=MORE), name="trial_reason_is_known")
        ),
        migrations.RemoveConstraint("signup", "signup_reason_is_known"),
        migrations.AddConstraint(
            "signup", models.CheckConstraint(condition=Q(reason__in=MORE), name="signup_reason_is_known")
        ),
    ]
