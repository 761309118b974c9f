//! The columns of the relations, as `name:kind`: b for truth values, i for numbers, I and T for
//! lists of numbers and texts, nothing for texts.

/// Schema, name, columns.
type Shape = (&'static str, &'static str, &'static str);

const PG: &str = "pg_catalog";
const INFO: &str = "information_schema";

/// Relations that have rows.
pub(super) const FILLED: [Shape; 20] = [
    (PG, "pg_namespace", "oid:i nspname nspowner:i nspacl:T"),
    (
        PG,
        "pg_class",
        "oid:i relname relnamespace:i reltype:i reloftype:i relowner:i relam:i relfilenode:i \
         reltablespace:i relpages:i reltuples:i relallvisible:i reltoastrelid:i relhasindex:b \
         relisshared:b relpersistence relkind relnatts:i relchecks:i relhasrules:b \
         relhastriggers:b relhassubclass:b relrowsecurity:b relforcerowsecurity:b \
         relispopulated:b relreplident relispartition:b relrewrite:i relacl:T reloptions:T \
         relpartbound",
    ),
    (
        PG,
        "pg_attribute",
        "attrelid:i attname atttypid:i attstattarget:i attlen:i attnum:i attndims:i \
         attcacheoff:i atttypmod:i attbyval:b attalign attstorage attcompression attnotnull:b \
         atthasdef:b atthasmissing:b attidentity attgenerated attisdropped:b attislocal:b \
         attinhcount:i attcollation:i attacl:T attoptions:T attfdwoptions:T",
    ),
    (
        PG,
        "pg_type",
        "oid:i typname typnamespace:i typowner:i typlen:i typbyval:b typtype typcategory \
         typispreferred:b typisdefined:b typdelim typrelid:i typsubscript typelem:i typarray:i \
         typinput typoutput typreceive typsend typnotnull:b typbasetype:i typtypmod:i \
         typndims:i typcollation:i typdefault typacl:T",
    ),
    (
        PG,
        "pg_index",
        "indexrelid:i indrelid:i indnatts:i indnkeyatts:i indisunique:b indnullsnotdistinct:b \
         indisprimary:b indisexclusion:b indimmediate:b indisclustered:b indisvalid:b \
         indcheckxmin:b indisready:b indislive:b indisreplident:b indkey:I indcollation:I \
         indclass:I indoption:I indexprs indpred",
    ),
    (
        PG,
        "pg_constraint",
        "oid:i conname connamespace:i contype condeferrable:b condeferred:b convalidated:b \
         conrelid:i contypid:i conindid:i conparentid:i confrelid:i confupdtype confdeltype \
         confmatchtype conislocal:b coninhcount:i connoinherit:b conkey:I confkey:I conbin",
    ),
    (
        PG,
        "pg_description",
        "objoid:i classoid:i objsubid:i description",
    ),
    (
        PG,
        "pg_database",
        "oid:i datname datdba:i encoding:i datlocprovider datistemplate:b datallowconn:b \
         datconnlimit:i dattablespace:i datcollate datctype daticulocale datcollversion datacl:T",
    ),
    (
        PG,
        "pg_roles",
        "oid:i rolname rolsuper:b rolinherit:b rolcreaterole:b rolcreatedb:b rolcanlogin:b \
         rolreplication:b rolconnlimit:i rolpassword rolvaliduntil rolbypassrls:b rolconfig:T",
    ),
    (
        PG,
        "pg_user",
        "usename usesysid:i usecreatedb:b usesuper:b userepl:b usebypassrls:b passwd valuntil",
    ),
    (PG, "pg_am", "oid:i amname amhandler amtype"),
    (
        PG,
        "pg_tablespace",
        "oid:i spcname spcowner:i spcacl:T spcoptions:T",
    ),
    (
        PG,
        "pg_settings",
        "name setting unit category short_desc extra_desc context vartype source",
    ),
    (
        PG,
        "pg_tables",
        "schemaname tablename tableowner tablespace hasindexes:b hasrules:b hastriggers:b \
         rowsecurity:b",
    ),
    (INFO, "schemata", "catalog_name schema_name schema_owner"),
    (
        INFO,
        "tables",
        "table_catalog table_schema table_name table_type is_insertable_into is_typed",
    ),
    (
        INFO,
        "columns",
        "table_catalog table_schema table_name column_name ordinal_position:i column_default \
         is_nullable data_type character_maximum_length:i numeric_precision:i numeric_scale:i \
         datetime_precision:i collation_name domain_name udt_catalog udt_schema udt_name \
         is_identity is_generated is_updatable",
    ),
    (
        INFO,
        "key_column_usage",
        "constraint_catalog constraint_schema constraint_name table_catalog table_schema \
         table_name column_name ordinal_position:i position_in_unique_constraint:i",
    ),
    (
        INFO,
        "table_constraints",
        "constraint_catalog constraint_schema constraint_name table_catalog table_schema \
         table_name constraint_type is_deferrable initially_deferred enforced",
    ),
    (PG, "pg_proc", PROC),
];

const PROC: &str = "oid:i proname pronamespace:i proowner:i prolang:i prokind prosecdef:b \
                    proisstrict:b proretset:b provolatile pronargs:i prorettype:i proargtypes:I \
                    proallargtypes:I proargmodes:T proargnames:T prosrc proacl:T";

/// Relations that never have any.
pub(super) const EMPTY: [Shape; 34] = [
    (PG, "pg_attrdef", "oid:i adrelid:i adnum:i adbin"),
    (
        PG,
        "pg_auth_members",
        "roleid:i member:i grantor:i admin_option:b",
    ),
    (
        PG,
        "pg_collation",
        "oid:i collname collnamespace:i collprovider collencoding:i",
    ),
    (PG, "pg_cast", "oid:i castsource:i casttarget:i castfunc:i"),
    (
        PG,
        "pg_depend",
        "classid:i objid:i objsubid:i refclassid:i refobjid:i refobjsubid:i deptype",
    ),
    (PG, "pg_enum", "oid:i enumtypid:i enumsortorder:i enumlabel"),
    (PG, "pg_event_trigger", "oid:i evtname evtevent evtowner:i"),
    (
        PG,
        "pg_extension",
        "oid:i extname extowner:i extnamespace:i extversion",
    ),
    (PG, "pg_foreign_data_wrapper", "oid:i fdwname"),
    (PG, "pg_foreign_server", "oid:i srvname srvfdw:i"),
    (PG, "pg_foreign_table", "ftrelid:i ftserver:i ftoptions:T"),
    (
        PG,
        "pg_indexes",
        "schemaname tablename indexname tablespace indexdef",
    ),
    (
        PG,
        "pg_inherits",
        "inhrelid:i inhparent:i inhseqno:i inhdetachpending:b",
    ),
    (PG, "pg_language", "oid:i lanname"),
    (
        PG,
        "pg_matviews",
        "schemaname matviewname matviewowner definition",
    ),
    (PG, "pg_opclass", "oid:i opcname opcdefault:b opcmethod:i"),
    (PG, "pg_operator", "oid:i oprname oprnamespace:i"),
    (
        PG,
        "pg_partitioned_table",
        "partrelid:i partstrat partnatts:i partattrs:I",
    ),
    (
        PG,
        "pg_policy",
        "oid:i polname polrelid:i polcmd polpermissive:b polroles:I polqual",
    ),
    (
        PG,
        "pg_publication",
        "oid:i pubname pubowner:i puballtables:b",
    ),
    (PG, "pg_publication_namespace", "oid:i pnpubid:i pnnspid:i"),
    (
        PG,
        "pg_publication_rel",
        "oid:i prpubid:i prrelid:i prattrs:I prqual",
    ),
    (PG, "pg_range", "rngtypid:i rngsubtype:i rngmultitypid:i"),
    (
        PG,
        "pg_rewrite",
        "oid:i rulename ev_class:i ev_type ev_enabled",
    ),
    (
        PG,
        "pg_sequence",
        "seqrelid:i seqtypid:i seqstart:i seqincrement:i",
    ),
    (PG, "pg_shdescription", "objoid:i classoid:i description"),
    (
        PG,
        "pg_statistic_ext",
        "oid:i stxrelid:i stxname stxnamespace:i stxkind:T stxstattarget:i",
    ),
    (
        PG,
        "pg_trigger",
        "oid:i tgrelid:i tgname tgisinternal:b tgenabled tgparentid:i",
    ),
    (
        PG,
        "pg_db_role_setting",
        "setdatabase:i setrole:i setconfig:T",
    ),
    (PG, "pg_views", "schemaname viewname viewowner definition"),
    (PG, "pg_subscription", "oid:i subname subdbid:i"),
    (
        INFO,
        "views",
        "table_catalog table_schema table_name view_definition",
    ),
    (
        INFO,
        "referential_constraints",
        "constraint_catalog constraint_schema constraint_name",
    ),
    (
        INFO,
        "routines",
        "routine_catalog routine_schema routine_name routine_type",
    ),
];
