/* SPDX-License-Identifier: Apache-2.0 */
/* test_openfire_readers - the rows of Openfire's tables in SQL, CSV and XML, at the edges
 *
 * What the databases themselves write is read by test_openfire_import; here is what they write seldom, what people
 * write, and what nobody should.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "admin/openfire_csv.h"
#include "admin/openfire_sql.h"
#include "admin/openfire_xml.h"

/* Reading from memory */
static struct openfire_source source;

static void finish(FILE *file)
{
    fclose(file);
    openfire_source_finish(&source);
}

static void read_sql_bytes(const char *bytes, size_t length, enum openfire_dialect dialect)
{
    openfire_source_free(&source);
    FILE *file = fmemopen((char *)(uintptr_t)bytes, length, "r");
    struct openfire_input input = {.file = file, .left = OPENFIRE_FILE_BYTES};
    openfire_sql_read(&source, &input, dialect);
    finish(file);
}

static void read_sql(const char *text)
{
    read_sql_bytes(text, strlen(text), OPENFIRE_SQL_UNKNOWN);
}

static enum openfire_table read_csv(const char *text)
{
    openfire_source_free(&source);
    FILE *file = fmemopen((char *)(uintptr_t)text, strlen(text), "r");
    struct openfire_input input = {.file = file, .left = OPENFIRE_FILE_BYTES};
    enum openfire_table table = openfire_csv_read(&source, &input);
    finish(file);
    return table;
}

static int read_xml(const char *text, size_t length)
{
    struct text why = TEXT_EMPTY;
    openfire_source_free(&source);
    FILE *file = fmemopen((char *)(uintptr_t)text, length, "r");
    struct openfire_input input = {.file = file, .left = OPENFIRE_FILE_BYTES};
    int result = openfire_xml_read(&source, &input, &why);
    assert_true((result < 0) == (why.length > 0));
    text_free(&why);
    finish(file);
    return result;
}

static int forget(void **state)
{
    (void)state;
    openfire_source_free(&source);
    return 0;
}

/* assert_value - of a row that must be there; NULL: none */
static void assert_value(enum openfire_table table, const char *key, int column, const char *value)
{
    const struct openfire_row *row = openfire_source_find(&source, table, key);
    if (row == NULL)
        fail_msg("no row %s", key);
    if (value == NULL)
        assert_null(row->values[column]);
    else
        assert_string_equal(row->values[column], value);
}

static void assert_property(const char *name, const char *value)
{
    assert_value(OPENFIRE_PROPERTY, name, 1, value);
}

static void assert_broken(const char *name)
{
    const struct openfire_row *row = openfire_source_find(&source, OPENFIRE_PROPERTY, name);
    assert_non_null(row);
    assert_null(row->values[1]);
    assert_true(row->broken[1]);
}

/* --- SQL --- */

static void inserts_in_every_spelling_are_read(void **state)
{
    (void)state;
    read_sql("insert INTO OFPROPERTY VALUES('a','1',0,NULL)\n"
             "INSERT INTO ofProperty(propValue,name)VALUES('2','b');\n"
             "INSERT INTO \"public\".\"ofproperty\" (\"name\", \"propvalue\") VALUES ('c', '3');\n"
             "INSERT INTO [dbo].[ofProperty] ([name], [propValue]) VALUES (N'd', N'4')\n"
             "insert ignore into openfire.ofProperty values ('e','5',0,null),\n('f','6',0,null) ;\n"
             "REPLACE INTO ofProperty VALUES ('g', '7', 0, NULL);\n"
             "INSERT INTO ofProperty (name, other, propValue) VALUES ('h', f(1, (2), 'x'), '8');\n"
             "/* INSERT INTO ofProperty VALUES ('i','9',0,NULL); */ -- INSERT INTO ofProperty\n"
             "INSERT INTO ofRemoteServerConf VALUES('x.example',-1,'allowed');\n"
             "INSERT INTO ofRemoteServerConf VALUES('y.example', 0 ,'blocked')");
    assert_int_equal(source.count, 10);
    for (int i = 0; i < 8; i++)
        assert_property((char[]){(char)('a' + i), '\0'}, (char[]){(char)('1' + i), '\0'});
    assert_value(OPENFIRE_REMOTE, "x.example", 1, "-1");
    assert_value(OPENFIRE_REMOTE, "y.example", 1, "0");
}

static void what_looks_like_sql_inside_a_string_is_a_string(void **state)
{
    (void)state;
    read_sql("INSERT INTO ofUser VALUES ('''); INSERT INTO ofProperty VALUES (''a'',''b'',0,NULL); "
             "--');\n"
             "INSERT INTO ofProperty VALUES ('a', 'it''s; -- /* no comment', 0, NULL);");
    assert_int_equal(source.count, 1);
    assert_property("a", "it's; -- /* no comment");
}

static void a_backslash_means_what_it_means_to_the_database(void **state)
{
    (void)state;
    static const char rest[] = " VALUES ('a','\\u00fc\\n\\'','b');\n";
    char *text = text_format("INSERT INTO ofProperty%s", rest);
    read_sql(text); /* SQL: nothing */
    assert_int_equal(source.count,
                     0); /* the string ends behind the quote, and what follows is no tuple */
    free(text);
    read_sql("INSERT INTO ofProperty VALUES ('a','\\u00fc\\n\\\\',0,NULL);");
    assert_property("a", "\\u00fc\\n\\\\");
    read_sql("-- MySQL dump 10.13\nINSERT INTO ofProperty VALUES "
             "('a','\\u\\n\\\\\\'\\\"\\t\\%',0,NULL);");
    assert_property("a", "u\n\\'\"\t%");
    read_sql(
        "INSERT INTO `ofProperty` VALUES ('a','\\Z\\r\\b',0,NULL); # INSERT INTO `ofProperty`\n");
    assert_property("a", "\032\r\b");
    read_sql("CREATE SCHEMA PUBLIC AUTHORIZATION DBA\nINSERT INTO OFPROPERTY "
             "VALUES('a','\\u00fc\\n\\u005cu0041\\ud83d\\ude00',0,NULL)");
    assert_property("a", "\xc3\xbc\\n\\u0041\xf0\x9f\x98\x80");
    read_sql("INSERT INTO ofProperty VALUES (E'a', E'b\\n\\'c', 0, NULL);");
    assert_property("a", "b\n'c");
}

static void what_is_no_text_is_known_to_be_broken(void **state)
{
    (void)state;
    static const char *const values[] = {"\\ud83d", "\\ud83dx", "\\ude00", "\\ud83d\\ud83d",
                                         "\\u0000"};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        char *text = text_format("INSERT INTO OFPROPERTY VALUES('a','%s',0,NULL)", values[i]);
        read_sql_bytes(text, strlen(text), OPENFIRE_SQL_HSQLDB);
        assert_broken("a");
        free(text);
    }
    static const char with_nul[] = "INSERT INTO ofProperty VALUES ('a','b\0c',0,NULL);";
    read_sql_bytes(with_nul, sizeof with_nul - 1, OPENFIRE_SQL_UNKNOWN);
    assert_broken("a");
    read_sql("INSERT INTO `ofProperty` VALUES ('a','b\\0c',0,NULL);");
    assert_broken("a");
}

static void a_value_is_as_long_as_it_may_be(void **state)
{
    (void)state;
    for (int over = 0; over < 2; over++) {
        char *value = text_alloc(OPENFIRE_VALUE_BYTES + 2);
        memset(value, 'x', OPENFIRE_VALUE_BYTES + 1);
        value[OPENFIRE_VALUE_BYTES + over] = '\0';
        char *text =
            text_format("INSERT INTO ofProperty VALUES ('a','%s',0,NULL),('b','c',0,NULL);", value);
        read_sql(text);
        if (over)
            assert_broken("a");
        else
            assert_property("a", value);
        assert_property("b", "c");
        free(text);
        free(value);
    }
}

static void what_ends_early_or_has_no_form_gives_no_row(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        "INSERT",
        "INSERT INTO",
        "INSERT INTO ofProperty",
        "INSERT INTO ofProperty VALUES",
        "INSERT INTO ofProperty VALUES (",
        "INSERT INTO ofProperty VALUES ('a'",
        "INSERT INTO ofProperty VALUES ('a','b",
        "INSERT INTO ofProperty (name VALUES ('a','b')",
        "INSERT INTO ofProperty (name) VALUES ('a','b')",
        "INSERT INTO ofProperty SELECT 'a', 'b'",
        "INSERT INTO ofProperty VALUES (NULL,'b',0,NULL)",
        "INSERT INTO ofProperty VALUES ('','b',0,NULL)",
        "COPY ofProperty (name",
        "COPY ofProperty (name) FROM stdin",
        "COPY ofProperty FROM stdin;",
        "DELETE FROM ofProperty",
        "/* INSERT INTO ofProperty VALUES ('a','b',0,NULL)",
        "'",
        "\\u",
        "[",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        read_sql(texts[i][0] != '\0' ? texts[i] : " ");
        if (source.count != 0)
            fail_msg("%s", texts[i]);
    }
}

static void the_last_row_of_a_key_counts(void **state)
{
    (void)state;
    read_sql(
        "INSERT INTO ofProperty VALUES ('a','1',0,NULL),('b','1',0,NULL),('a','2',0,NULL);"
        "INSERT INTO ofProperty VALUES ('A','3',0,NULL);"
        "DELETE FROM PUBLIC.ofProperty WHERE name='b';"
        "DELETE FROM ofProperty WHERE propValue='3';DELETE FROM ofProperty;"
        "INSERT INTO ofProperty VALUES ('c','1',0,NULL);DELETE FROM ofProperty WHERE NAME='c'\n"
        "INSERT INTO ofProperty VALUES ('c','2',0,NULL)\n");
    assert_int_equal(source.count, 3);
    assert_property("a", "2");
    assert_property("A", "3");
    assert_property("c", "2");
}

static void copies_are_read_line_by_line(void **state)
{
    (void)state;
    read_sql("COPY public.ofuser (username, x) FROM stdin;\n"
             "INSERT INTO ofProperty VALUES ('no','b',0,NULL);\tx\n\\.\n"
             "COPY ofproperty (propvalue, name, other) FROM stdin;\n"
             "one\\ttwo\\\\\\n\\x\ta\tx\n"
             "\\N\tb\tx\r\n"
             "\tc\tx\n"
             "short\n"
             "too\tmany\tvalues\there\n"
             "\\.\n"
             "INSERT INTO ofProperty VALUES ('d','after',0,NULL);\n"
             "COPY ofRemoteServerConf FROM stdin WITH (FORMAT text);\nx.example\t1\tallowed\n");
    assert_int_equal(source.count, 5);
    assert_property("a", "one\ttwo\\\nx");
    assert_property("b", NULL);
    assert_property("c", "");
    assert_property("d", "after");
    assert_value(OPENFIRE_REMOTE, "x.example", 2, "allowed");
}

static void two_columns_are_those_of_3_7_1(void **state)
{
    (void)state;
    read_sql("INSERT INTO ofProperty VALUES ('a','b');");
    assert_true(source.old);
    assert_property("a", "b");
    read_sql(
        "INSERT INTO ofProperty (name, propValue) VALUES ('a','b');"); /* anybody may write that */
    assert_false(source.old);
    read_sql("INSERT INTO ofProperty VALUES ('a','b',0,NULL);");
    assert_false(source.old);
}

static void rows_have_a_bound(void **state)
{
    (void)state;
    struct text text = TEXT_EMPTY;
    text_append_string(&text, "INSERT INTO ofProperty VALUES ('a','b',0,NULL)");
    for (int i = 0; i < OPENFIRE_ROWS; i++)
        text_append_string(&text, ",('a','b',0,NULL)");
    read_sql(text_string(&text));
    assert_true(source.too_much);
    assert_int_equal(source.count, 1);
    text_free(&text);
}

/* --- CSV --- */

static void csv_is_read_as_rfc_4180_says(void **state)
{
    (void)state;
    assert_int_equal(
        read_csv("name,propValue\r\na,1\r\n\"b\",\"2,\"\"x\"\"\r\ny\"\r\nc,\r\nd,\"\"\r\ne,\\N\r\n"
                 "f,1,2\r\ng\r\n\r\nh,last"),
        OPENFIRE_PROPERTY);
    assert_int_equal(source.count, 6);
    assert_true(source.old);
    assert_property("a", "1");
    assert_property("b", "2,\"x\"\r\ny");
    assert_property("c", NULL);
    assert_property("d", "");
    assert_property("e", NULL);
    assert_property("h", "last");
}

static void csv_of_other_tools_is_read_as_well(void **state)
{
    (void)state;
    assert_int_equal(
        read_csv("\xef\xbb\xbf\"SUBDOMAIN\";\"PERMISSION\";\"SECRET\"\nbot;allowed;a,b\n"),
        OPENFIRE_COMPONENT);
    assert_value(OPENFIRE_COMPONENT, "bot", 2, "a,b");
    assert_value(OPENFIRE_COMPONENT, "bot", 3, "allowed");
    assert_int_equal(read_csv("xmppDomain\tremotePort\tpermission\nx.example\t5269\tblocked\n"),
                     OPENFIRE_REMOTE);
    assert_value(OPENFIRE_REMOTE, "x.example", 1, "5269");
    static const char *const others[] = {" ",
                                         "\n",
                                         "name\n",
                                         "propValue,encrypted\na,b\n",
                                         "name,propValue,more\na,b,c\n",
                                         "\"name",
                                         "name propValue\na b\n"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        assert_int_equal(read_csv(others[i]), OPENFIRE_TABLES);
        assert_int_equal(source.count, 0);
    }
}

/* --- XML --- */

static void assert_xml(const char *name, const char *value, const char *encrypted)
{
    assert_value(OPENFIRE_XML_PROPERTY, name, 1, value);
    assert_value(OPENFIRE_XML_PROPERTY, name, 2, encrypted);
}

static void the_way_to_an_element_is_the_name_of_its_property(void **state)
{
    (void)state;
    static const char text[] = "<?xml version='1.0'?><jive> <xmpp><domain> a.example\n</domain>"
                               "<server><socket><port>1</port></socket></server></xmpp>"
                               "<b encrypted='TRUE'>x</b><c>d<![CDATA[<e>]]>f<!-- g --></c>"
                               "<h><i/></h><j>\xc3\xbc&amp;&#x20ac;</j></jive>";
    assert_int_equal(read_xml(text, sizeof text - 1), 0);
    assert_int_equal(source.count, 5);
    assert_xml("xmpp.domain", "a.example", "0");
    assert_xml("xmpp.server.socket.port", "1", "0");
    assert_xml("b", "x", "1");
    assert_xml("c", "d<e>f", "0");
    assert_xml("j", "\xc3\xbc&\xe2\x82\xac", "0");
}

static void xml_of_bad_intent_is_refused(void **state)
{
    (void)state;
    static const char bomb[] =
        "<!DOCTYPE jive [<!ENTITY a 'aaaaaaaaaa'><!ENTITY b '&a;&a;&a;&a;&a;&a;&a;&a;'><!ENTITY c "
        "'&b;&b;&b;&b;&b;&b;&b;&b;'>]><jive x='&c;'><a>&c;</a></jive>";
    const char *const texts[] = {
        "x",
        "<jive>",
        "<html/>",
        "<!DOCTYPE jive><jive><a>b</a></jive>",
        "<!DOCTYPE jive SYSTEM 'file:///etc/passwd'><jive><a>b</a></jive>",
        "<!DOCTYPE jive [<!ENTITY a SYSTEM 'file:///etc/passwd'>]><jive><a>&a;</a></jive>",
        bomb,
        "<jive><a>&undefined;</a></jive>"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        assert_int_equal(read_xml(texts[i], strlen(texts[i])), -1);
        assert_int_equal(source.count, 0);
    }
    struct text deep = TEXT_EMPTY;
    text_append_string(&deep, "<jive>");
    for (int i = 0; i < 1000; i++)
        text_append_string(&deep, "<a>");
    assert_int_equal(read_xml(deep.bytes, deep.length), -1);
    text_clear(&deep);
    text_append_string(&deep, "<jive><a>");
    while (deep.length <= OPENFIRE_XML_BYTES)
        text_append_string(&deep, "                ");
    text_append_string(&deep, "</a></jive>");
    assert_int_equal(read_xml(deep.bytes, deep.length), -1);
    text_free(&deep);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(inserts_in_every_spelling_are_read),
        cmocka_unit_test(what_looks_like_sql_inside_a_string_is_a_string),
        cmocka_unit_test(a_backslash_means_what_it_means_to_the_database),
        cmocka_unit_test(what_is_no_text_is_known_to_be_broken),
        cmocka_unit_test(a_value_is_as_long_as_it_may_be),
        cmocka_unit_test(what_ends_early_or_has_no_form_gives_no_row),
        cmocka_unit_test(the_last_row_of_a_key_counts),
        cmocka_unit_test(copies_are_read_line_by_line),
        cmocka_unit_test(two_columns_are_those_of_3_7_1),
        cmocka_unit_test(rows_have_a_bound),
        cmocka_unit_test(csv_is_read_as_rfc_4180_says),
        cmocka_unit_test(csv_of_other_tools_is_read_as_well),
        cmocka_unit_test(the_way_to_an_element_is_the_name_of_its_property),
        cmocka_unit_test(xml_of_bad_intent_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, forget);
}
