"""What is the platform's alone, and no tenant's: a tenant's scope reads of it what its pages show, and writes next to nothing."""

from django.db import migrations

EVERYTHING = "SELECT, INSERT, UPDATE, DELETE"
WRITES = "INSERT, UPDATE, DELETE"
CLOSED = "books_priceproposal, exports_focusexport, exports_providerbill, exports_billplace, exports_providercost"
READ_ONLY = ", ".join(
    (
        "books_pricebook",
        "books_planprices",
        "books_exchangerate",
        "notices_mail",
        "auth_group",
        "auth_group_permissions",
        "tenants_user_groups",
        "tenants_user_user_permissions",
    )
)
# Whoever asks a landscape for a kubeconfig takes from its budget of calls, and tells its breaker what came of it.
CALLS = "tokens, tokens_at, breaker, breaker_faults, breaker_until, breaker_opened_at, breaker_reason"
# Who signs in; nobody becomes one of the platform's team there.
SIGNING_IN = "password, last_login"


class Migration(migrations.Migration):
    """Rights only; comes after the tables that it names."""

    dependencies = [
        ("isolation", "0004_read_only"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("books", "0004_proposals"),
        ("exports", "0002_bill_places"),
        ("landscapes", "0004_turns_of_the_audit"),
        ("notices", "0001_initial"),
        ("tenants", "0001_initial"),
    ]

    operations = [
        migrations.RunSQL(
            f"REVOKE ALL ON {CLOSED} FROM nesoi_web", f"GRANT {EVERYTHING} ON {CLOSED} TO nesoi_web"
        ),
        migrations.RunSQL(
            f"REVOKE {WRITES} ON {READ_ONLY} FROM nesoi_web", f"GRANT {WRITES} ON {READ_ONLY} TO nesoi_web"
        ),
        migrations.RunSQL(
            f"REVOKE {WRITES} ON landscapes_landscape FROM nesoi_web;"
            f" GRANT UPDATE ({CALLS}) ON landscapes_landscape TO nesoi_web",
            f"REVOKE UPDATE ({CALLS}) ON landscapes_landscape FROM nesoi_web;"
            f" GRANT {WRITES} ON landscapes_landscape TO nesoi_web",
        ),
        migrations.RunSQL(
            f"REVOKE UPDATE, DELETE ON tenants_user FROM nesoi_web; GRANT UPDATE ({SIGNING_IN}) ON tenants_user TO nesoi_web",
            f"REVOKE UPDATE ({SIGNING_IN}) ON tenants_user FROM nesoi_web; GRANT UPDATE, DELETE ON tenants_user TO nesoi_web",
        ),
    ]
