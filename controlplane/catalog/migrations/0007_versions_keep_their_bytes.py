"""No version of a module without the bytes that it names, and none that changes once a published release names it."""

import django.db.models.deletion
from django.db import migrations, models

# Whoever reads a module's bytes or the catalog waits for us: for moments, and for nobody who is in front of us for longer.
PATIENCE = "SET LOCAL lock_timeout = '5s'"
# Of a chart in a registry the manifest is named, and the manifest names the chart: what was stored before says so now. Step by
# step, so that only manifests are read as JSON.
LINK = """
WITH manifest AS MATERIALIZED (
    SELECT DISTINCT stored.digest, stored.content FROM catalog_content stored
        JOIN catalog_moduleversion version ON version.source ->> 'digest' = stored.digest
    WHERE version.source ->> 'url' LIKE 'oci://%'
), named AS MATERIALIZED (
    SELECT manifest.digest, layer ->> 'digest' AS chart
        FROM manifest, json_array_elements(convert_from(manifest.content, 'UTF8')::json -> 'layers') layer
    WHERE layer ->> 'mediaType' = 'application/vnd.cncf.helm.chart.content.v1.tar+gzip'
)
UPDATE catalog_content stored SET chart_id = chart.digest
    FROM named JOIN catalog_content chart ON chart.digest = named.chart WHERE stored.digest = named.digest;
"""
# A chart stays while its manifest does: one without the other is of no use to any worker. Not deferred: whoever breaks it is told
# there and then.
CHART = """
ALTER TABLE catalog_content ADD CONSTRAINT catalog_content_has_its_chart
    FOREIGN KEY (chart_id) REFERENCES catalog_content (digest);
"""
# Computed, so that it says what the source says. Not validated: an installation that lost bytes is mended by its next `catalog
# apply`, and not stopped amid an upgrade; what is written or taken away from now on is held to it.
NAMED = """
ALTER TABLE catalog_moduleversion
    ADD COLUMN digest text NOT NULL GENERATED ALWAYS AS (source ->> 'digest') STORED;
ALTER TABLE catalog_moduleversion ADD CONSTRAINT catalog_moduleversion_has_its_content
    FOREIGN KEY (digest) REFERENCES catalog_content (digest) NOT VALID;
"""
NAMELESS = """
ALTER TABLE catalog_moduleversion DROP CONSTRAINT catalog_moduleversion_has_its_content;
ALTER TABLE catalog_moduleversion DROP COLUMN digest;
"""
# What a release promises is what its modules are made of, too. Whoever is about to publish one that names it is waited for. After
# the row, since a generated column is not known before.
STAYS = """
CREATE FUNCTION catalog_moduleversion_stays() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    named text;
BEGIN
    IF TG_OP = 'UPDATE' AND OLD IS NOT DISTINCT FROM NEW THEN
        RETURN NULL;
    END IF;
    PERFORM 1 FROM catalog_release
        WHERE modules ->> OLD.module_id = OLD.implementation || '@' || OLD.version FOR SHARE;
    SELECT string_agg(key, ', ' ORDER BY key) INTO named FROM catalog_release
        WHERE published_at IS NOT NULL AND modules ->> OLD.module_id = OLD.implementation || '@' || OLD.version;
    IF named IS NOT NULL THEN
        RAISE EXCEPTION
            'module version % is part of the published release %, which never changes; restore it and add a new version',
            OLD.key, named USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER catalog_moduleversion_stays AFTER UPDATE OR DELETE ON catalog_moduleversion
    FOR EACH ROW EXECUTE FUNCTION catalog_moduleversion_stays();
"""
GOES = """
DROP TRIGGER catalog_moduleversion_stays ON catalog_moduleversion;
DROP FUNCTION catalog_moduleversion_stays();
"""


class Migration(migrations.Migration):
    """Two small tables that only `catalog apply` writes to; who reads them waits until the bytes are linked, for moments."""

    dependencies = [("catalog", "0006_sources_of_modules")]

    operations = [
        migrations.RunSQL(PATIENCE, migrations.RunSQL.noop),
        migrations.AddField(
            "content",
            "chart",
            models.ForeignKey(
                db_constraint=False,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="+",
                to="catalog.content",
            ),
        ),
        migrations.RunSQL(LINK, migrations.RunSQL.noop),
        migrations.RunSQL(
            CHART, "ALTER TABLE catalog_content DROP CONSTRAINT catalog_content_has_its_chart"
        ),
        migrations.RunSQL(NAMED, NAMELESS),
        migrations.RunSQL(STAYS, GOES),
        migrations.RunSQL(migrations.RunSQL.noop, PATIENCE),  # the same on the way back, which begins here
    ]
