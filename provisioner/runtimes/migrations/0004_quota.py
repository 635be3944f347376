"""What a runtime counts for in its tenant's quota, and the trigger that keeps the sum of it.

A trigger, because a runtime's row is written by many: whoever creates, grows, moves, removes one, the sum is changed in the same
transaction, once. Both rows of a plan are locked in one order, all plans' (the empty one) first, as admission does.
"""

from django.db import migrations, models

FORWARD = """
CREATE FUNCTION runtimes_count(of_tenant uuid, of_plan text, n int, cpu int, mem numeric, gpu int) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    found_rows int;
BEGIN
    LOOP
        PERFORM FROM catalog_usage WHERE tenant_id = of_tenant AND plan IN ('', of_plan) ORDER BY plan FOR NO KEY UPDATE;
        GET DIAGNOSTICS found_rows = ROW_COUNT;
        EXIT WHEN found_rows = 2;
        INSERT INTO catalog_usage (tenant_id, plan, runtimes, vcpu, memory_gib, gpus)
        VALUES (of_tenant, '', 0, 0, 0, 0), (of_tenant, of_plan, 0, 0, 0, 0) ON CONFLICT (tenant_id, plan) DO NOTHING;
    END LOOP;
    -- Never below nothing: a sum that somebody spoilt by hand must not keep a runtime from being removed.
    UPDATE catalog_usage
    SET runtimes = greatest(runtimes + n, 0), vcpu = greatest(vcpu + cpu, 0),
        memory_gib = greatest(memory_gib + mem, 0), gpus = greatest(gpus + gpu, 0)
    WHERE tenant_id = of_tenant AND plan IN ('', of_plan);
END $$;

CREATE FUNCTION runtimes_count_in_quota() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    was boolean := TG_OP <> 'INSERT' AND OLD.deleted_at IS NULL AND OLD.quota_vcpu IS NOT NULL;
    is_now boolean := TG_OP <> 'DELETE' AND NEW.deleted_at IS NULL AND NEW.quota_vcpu IS NOT NULL;
BEGIN
    IF was AND is_now AND OLD.tenant_id = NEW.tenant_id AND OLD.plan_id = NEW.plan_id THEN
        PERFORM runtimes_count(NEW.tenant_id, NEW.plan_id, 0, NEW.quota_vcpu - OLD.quota_vcpu,
            NEW.quota_memory_gib - OLD.quota_memory_gib, NEW.quota_gpus - OLD.quota_gpus);
        RETURN NULL;
    END IF;
    IF was THEN
        PERFORM runtimes_count(OLD.tenant_id, OLD.plan_id, -1, -OLD.quota_vcpu, -OLD.quota_memory_gib, -OLD.quota_gpus);
    END IF;
    IF is_now THEN
        PERFORM runtimes_count(NEW.tenant_id, NEW.plan_id, 1, NEW.quota_vcpu, NEW.quota_memory_gib, NEW.quota_gpus);
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER runtimes_enter_quota AFTER INSERT ON runtimes_runtime
    FOR EACH ROW WHEN (NEW.quota_vcpu IS NOT NULL) EXECUTE FUNCTION runtimes_count_in_quota();
CREATE TRIGGER runtimes_change_quota
    AFTER UPDATE OF tenant_id, plan_id, quota_vcpu, quota_memory_gib, quota_gpus, deleted_at ON runtimes_runtime
    FOR EACH ROW WHEN ((OLD.tenant_id, OLD.plan_id, OLD.quota_vcpu, OLD.quota_memory_gib, OLD.quota_gpus, OLD.deleted_at)
        IS DISTINCT FROM (NEW.tenant_id, NEW.plan_id, NEW.quota_vcpu, NEW.quota_memory_gib, NEW.quota_gpus, NEW.deleted_at))
    EXECUTE FUNCTION runtimes_count_in_quota();
CREATE TRIGGER runtimes_leave_quota AFTER DELETE ON runtimes_runtime
    FOR EACH ROW WHEN (OLD.quota_vcpu IS NOT NULL) EXECUTE FUNCTION runtimes_count_in_quota();
"""

BACKWARD = """
DROP TRIGGER runtimes_leave_quota ON runtimes_runtime;
DROP TRIGGER runtimes_change_quota ON runtimes_runtime;
DROP TRIGGER runtimes_enter_quota ON runtimes_runtime;
DROP FUNCTION runtimes_count_in_quota();
DROP FUNCTION runtimes_count(uuid, text, int, int, numeric, int);
"""


class Migration(migrations.Migration):
    """Columns that may be null: the table is not rewritten, and older processes go on inserting."""

    dependencies = [("runtimes", "0003_runtime_suspended_for"), ("catalog", "0003_quota")]

    operations = [
        migrations.AddField("runtime", "quota_vcpu", models.PositiveIntegerField(null=True)),
        migrations.AddField(
            "runtime", "quota_memory_gib", models.DecimalField(decimal_places=3, max_digits=14, null=True)
        ),
        migrations.AddField("runtime", "quota_gpus", models.PositiveIntegerField(null=True)),
        # A runtime counts with all three numbers or not at all.
        migrations.AddConstraint(
            "runtime",
            models.CheckConstraint(
                condition=models.Q(
                    quota_vcpu__isnull=True, quota_memory_gib__isnull=True, quota_gpus__isnull=True
                )
                | models.Q(quota_vcpu__isnull=False, quota_memory_gib__isnull=False, quota_gpus__isnull=False),
                name="runtime_counts_whole",
            ),
        ),
        migrations.RunSQL(FORWARD, BACKWARD),
    ]
