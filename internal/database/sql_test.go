package database

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParse(t *testing.T) {
	for _, tt := range []struct{ sql, sqlite, postgres string }{
		{"select :a", "select  ?1 ", "select  $1 "},
		{"SELECT * FROM t WHERE a=:a AND b = :b OR a>:a;", "SELECT * FROM t WHERE a= ?1  AND b =  ?2  OR a> ?1 ", "SELECT * FROM t WHERE a= $1  AND b =  $2  OR a> $1 "},
		{"with x as (select 1) select :n_1 from x ; -- end", "with x as (select 1) select  ?1  from x  -- end", "with x as (select 1) select  $1  from x  -- end"},
		{"values (:a)", "values ( ?1 )", "values ( $1 )"},
		{"(select 1)", "(select 1)", "(select 1)"},
		{"/* :no */ select ':no''s', \":no\" -- :no\n, :a", "/* :no */ select ':no''s', \":no\" -- :no\n,  ?1 ", "/* :no */ select ':no''s', \":no\" -- :no\n,  $1 "},
		{"select `:no`, [:no], :a", "select `:no`, [:no],  ?1 ", "any"},
		{"select a[1 : 2], a::text, :a::int[]", "any", "select a[1 : 2], a::text,  $1 ::int[]"},
		{"select $tag$ :no ; $$ $tag$, $$:no$$, :a", "error", "select $tag$ :no ; $$ $tag$, $$:no$$,  $1 "},
		{`select E'it\'s :no; ', :a`, "any", `select E'it\'s :no; ',  $1 `},
		{"/* a /* b */ :no */ select 1", "error", "/* a /* b */ :no */ select 1"},
		{"table t", "error", "table t"},
		{"select 1; select 2", "error", "error"},
		{"select 1;;", "error", "error"},
		{"select 1; -- fine\n /* too */", "select 1 -- fine\n /* too */", "select 1 -- fine\n /* too */"},
		{"drop table t", "error", "error"},
		{"insert into t values (1)", "error", "error"},
		{"attach 'x' as y", "error", "error"},
		{"pragma query_only = 0", "error", "error"},
		{"vacuum into '/tmp/x'", "error", "error"},
		{"copy t to program 'id'", "error", "error"},
		{"set transaction read write", "error", "error"},
		{"explain analyze delete from t", "error", "error"},
		{"begin; select 1", "error", "error"},
		{"", "error", "error"},
		{";", "error", "error"},
		{"-- select 1", "error", "error"},
		{"select 'open", "error", "error"},
		{"select \"open", "error", "error"},
		{"select /* open", "error", "error"},
		{"select $a$ open", "error", "error"},
		{"select ?", "error", "select ?"},
		{"select $1", "error", "error"},
		{"select @a", "error", "select @a"},
		{"select 1\x00; drop table t", "error", "error"},
		{"selectx", "error", "error"},
	} {
		for name, s := range map[string]struct {
			syntax syntax
			want   string
		}{"sqlite": {sqliteSyntax, tt.sqlite}, "postgres": {postgresSyntax, tt.postgres}} {
			got, err := parse(tt.sql, s.syntax)
			if s.want == "any" { // the engine does not take it, whatever we make of it
				continue
			}
			if s.want == "error" {
				if err == nil {
					t.Errorf("%s: %q was taken as %q", name, tt.sql, got.text)
				}
				continue
			}
			if err != nil {
				t.Errorf("%s: %q: %v", name, tt.sql, err)
				continue
			}
			if diff := cmp.Diff(s.want, got.text); diff != "" {
				t.Errorf("%s: %q (-want +got):\n%s", name, tt.sql, diff)
			}
		}
	}
}

// FuzzParse reads anything, twice: what comes out has no names left, and reads as itself.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{"select :a", "select ':a' || :b::text", "with x as (values(1)) select * from x;", "select $a$ ; $a$, E'\\''", "select [a], `b`"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, sql string) {
		for _, s := range []syntax{sqliteSyntax, postgresSyntax} {
			got, err := parse(sql, s)
			if err != nil {
				continue
			}
			s.foreign, s.dollars = "", s.dollars && len(got.Params) == 0
			again, err := parse(got.text, s)
			if err == nil && len(again.Params) > 0 && s.marker == "?" {
				t.Errorf("%q became %q, which still has %v", sql, got.text, again.Params)
			}
		}
	})
}
