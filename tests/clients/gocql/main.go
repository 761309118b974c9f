// Conformance of gocql.
package main

import (
	"context"
	"errors"
	"math"
	"math/big"
	"net"
	"os"
	"os/exec"
	"sort"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	gocql "github.com/apache/cassandra-gocql-driver/v2"
	"github.com/apache/cassandra-gocql-driver/v2/lz4"
	"github.com/apache/cassandra-gocql-driver/v2/snappy"
	"gopkg.in/inf.v0"
)

const keyspace = "conformance_gocql"

var (
	log        = openLog(os.Getenv("CLIENT_LOG"))
	restartCmd = os.Getenv("CLIENT_RESTART")
	session    *gocql.Session
	events     = &listener{}
)

// listener counts what the driver was told of the schema.
type listener struct {
	keyspaces, tables atomic.Int32
}

func (l *listener) OnKeyspaceCreated(gocql.OnKeyspaceCreatedEvent) { l.keyspaces.Add(1) }
func (l *listener) OnKeyspaceUpdated(gocql.OnKeyspaceUpdatedEvent) {}
func (l *listener) OnKeyspaceDropped(gocql.OnKeyspaceDroppedEvent) { l.keyspaces.Add(1) }
func (l *listener) OnTableCreated(gocql.OnTableCreatedEvent)       { l.tables.Add(1) }
func (l *listener) OnTableUpdated(gocql.OnTableUpdatedEvent)       { l.tables.Add(1) }
func (l *listener) OnTableDropped(gocql.OnTableDroppedEvent)       { l.tables.Add(1) }

func configure(space string) *gocql.ClusterConfig {
	cluster := gocql.NewCluster(os.Getenv("CLIENT_HOST"))
	port, err := strconv.Atoi(os.Getenv("CLIENT_PORT"))
	check(err)
	cluster.Port = port
	cluster.Keyspace = space
	cluster.Consistency = gocql.One
	cluster.Timeout = 30 * time.Second
	cluster.ConnectTimeout = 10 * time.Second
	cluster.Logger = log
	cluster.ReconnectInterval = time.Second
	// The wait holds on to the control connection that it began with, alive or not.
	cluster.MaxWaitSchemaAgreement = 3 * time.Second
	cluster.PoolConfig.HostSelectionPolicy = gocql.TokenAwareHostPolicy(gocql.RoundRobinHostPolicy())
	return cluster
}

func connect(space string, change func(*gocql.ClusterConfig)) *gocql.Session {
	cluster := configure(space)
	if change != nil {
		change(cluster)
	}
	made, err := cluster.CreateSession()
	check(err)
	return made
}

func exec1(text string, values ...any) { check(session.Query(text, values...).Exec()) }

func fails(text string, code int, words ...string) error {
	err := session.Query(text).Exec()
	var told gocql.RequestError
	that(errors.As(err, &told), "no error of the server: ", err)
	equal(told.Code(), code, told.Message())
	for _, word := range words {
		that(strings.Contains(told.Message(), word), told.Message())
	}
	return err
}

func connected() {
	first := connect("", nil)
	defer first.Close()
	var release, partitioner, center string
	check(first.Query("SELECT release_version, partitioner, data_center FROM system.local").
		Scan(&release, &partitioner, &center))
	that(strings.HasPrefix(release, "5.0"), release)
	hosts := first.GetHosts()
	equal(len(hosts), 1)
	that(hosts[0].IsUp() && hosts[0].HostID() != "" && len(hosts[0].Tokens()) >= 1, hosts[0])
	check(first.Query("DROP KEYSPACE IF EXISTS " + keyspace).Exec())
	check(first.Query("CREATE KEYSPACE " + keyspace +
		" WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}").Exec())
	session = connect(keyspace, func(c *gocql.ClusterConfig) {
		c.Metadata.CacheMode = gocql.Full
		c.Metadata.SchemaListener.KeyspaceChangeListener = events
		c.Metadata.SchemaListener.TableChangeListener = events
	})
}

func schema() {
	exec1("CREATE TYPE place (name text, at frozen<tuple<double, double>>)")
	exec1(`CREATE TABLE measured (station text, day date, at timestamp, value double,
		note text static, tags set<text>, PRIMARY KEY ((station, day), at))
		WITH CLUSTERING ORDER BY (at DESC)`)
	exec1("CREATE TABLE rows_of (part int, at int, text text, PRIMARY KEY (part, at))")
	exec1("CREATE TABLE counted (id int PRIMARY KEY, hits counter)")
	check(session.AwaitSchemaAgreement(context.Background()))
	eventually("metadata of the new tables", 30*time.Second, func() error {
		found, err := session.KeyspaceMetadata(keyspace)
		return errors.Join(err, unless(err == nil && found.Tables["measured"] != nil &&
			found.Tables["counted"] != nil))
	})
	found, err := session.KeyspaceMetadata(keyspace)
	check(err)
	table := found.Tables["measured"]
	equal(len(table.PartitionKey), 2)
	equal(table.PartitionKey[1].Name, "day")
	equal(table.ClusteringColumns[0].ClusteringOrder, "desc")
	equal(table.Columns["note"].Kind, gocql.ColumnStatic)
	equal(table.Columns["tags"].Type.Type(), gocql.TypeSet)
	equal(found.UserTypes["place"].FieldNames, []string{"name", "at"})
	that(strings.Contains(found.StrategyClass, "SimpleStrategy"), found.StrategyClass)
}

func both[T any](name string, same func(a, b T) bool, values ...T) {
	for _, value := range values {
		exec1("INSERT INTO scalars (id, c_"+name+") VALUES (?, ?)", 1, value)
		var found T
		check(session.Query("SELECT c_"+name+" FROM scalars WHERE id = ?", 1).Scan(&found))
		that(same(found, value), name, ": found ", found, ", expected ", value)
	}
	exec1("INSERT INTO scalars (id, c_"+name+") VALUES (?, ?)", 1, nil)
	var none *T
	check(session.Query("SELECT c_"+name+" FROM scalars WHERE id = ?", 1).Scan(&none))
	that(none == nil, name, ": not null")
}

func equals[T comparable](a, b T) bool { return a == b }

func scalars() {
	names := strings.Fields(`ascii bigint blob boolean date decimal double duration float inet int
		smallint text time timestamp timeuuid tinyint uuid varint`)
	columns := "id int PRIMARY KEY"
	for _, name := range names {
		columns += ", c_" + name + " " + name
	}
	exec1("CREATE TABLE scalars (" + columns + ")")
	both("ascii", equals[string], "", "plain")
	both("bigint", equals[int64], 0, math.MaxInt64, math.MinInt64)
	both("blob", func(a, b []byte) bool { return string(a) == string(b) }, []byte{}, []byte{0, 255},
		make([]byte, 100_000))
	both("boolean", equals[bool], true, false)
	both("date", time.Time.Equal, time.Unix(0, 0).UTC(), time.Date(2024, 2, 29, 0, 0, 0, 0, time.UTC))
	both("decimal", func(a, b *inf.Dec) bool { return a.Cmp(b) == 0 && a.Scale() == b.Scale() },
		inf.NewDec(0, 0), inf.NewDec(-150, 2), inf.NewDec(math.MaxInt64, 100))
	both("double", equals[float64], 0, -1.5, math.MaxFloat64, math.SmallestNonzeroFloat64, math.Inf(-1))
	both("duration", equals[gocql.Duration], gocql.Duration{},
		gocql.Duration{Months: 14, Days: 3, Nanoseconds: 5_000_000_001},
		gocql.Duration{Months: -1, Days: -2, Nanoseconds: -3})
	both("float", equals[float32], 0, -1.5, math.MaxFloat32)
	both("inet", func(a, b net.IP) bool { return a.Equal(b) }, net.ParseIP("127.0.0.1"),
		net.ParseIP("2001:db8::1"))
	both("int", equals[int32], 0, math.MaxInt32, math.MinInt32)
	both("smallint", equals[int16], 0, math.MaxInt16, math.MinInt16)
	both("text", equals[string], "", "naïve – Zürich 🚂", strings.Repeat("x", 70_000))
	both("time", equals[time.Duration], 0, 24*time.Hour-1)
	both("timestamp", time.Time.Equal, time.UnixMilli(0), time.UnixMilli(-1), time.UnixMilli(253402300799999))
	both("timeuuid", equals[gocql.UUID], gocql.TimeUUID())
	both("tinyint", equals[int8], 0, math.MaxInt8, math.MinInt8)
	both("uuid", equals[gocql.UUID], gocql.UUID{}, gocql.MustRandomUUID())
	huge := new(big.Int).Lsh(big.NewInt(1), 200)
	both("varint", func(a, b *big.Int) bool { return a.Cmp(b) == 0 }, big.NewInt(0), big.NewInt(128),
		big.NewInt(-129), huge, new(big.Int).Neg(huge))
	write := "INSERT INTO scalars (id, c_int, c_text) VALUES (?, ?, ?)"
	exec1(write, 2, 5, "five")
	exec1(write, 2, gocql.UnsetValue, "six")
	var number int
	var text string
	check(session.Query("SELECT c_int, c_text FROM scalars WHERE id = 2").Scan(&number, &text))
	equal([]any{number, text}, []any{5, "six"})
}

type place struct {
	Name string `cql:"name"`
}

func nested() {
	exec1(`CREATE TABLE nested (id int PRIMARY KEY, l list<int>, s set<text>, m map<text, bigint>,
		fm map<int, frozen<map<text, frozen<list<int>>>>>, t tuple<int, text>, u place,
		lu list<frozen<place>>, v vector<float, 3>)`)
	list, set, maps := []int{3, 1, 3}, []string{"a", "ü"}, map[string]int64{"max": math.MaxInt64}
	deep := map[int]map[string][]int{1: {"a": {1, 2}}}
	home := map[string]any{"name": "Zürich HB", "at": []any{47.378, 8.54}}
	vector := []float32{1, -0.5, 3.25}
	// The driver takes and gives a tuple's elements one by one.
	exec1("INSERT INTO nested (id, l, s, m, fm, t, u, lu, v) VALUES (?, ?, ?, ?, ?, (?, ?), ?, ?, ?)",
		1, list, set, maps, deep, 1, "two", home, []place{{Name: "there"}, {Name: ""}}, vector)
	var gotList []int
	var gotSet []string
	var gotMap map[string]int64
	var gotDeep map[int]map[string][]int
	var one int
	var two string
	var gotHome map[string]any
	var gotPlaces []place
	var gotVector []float32
	check(session.Query("SELECT l, s, m, fm, t, u, lu, v FROM nested WHERE id = 1").Scan(
		&gotList, &gotSet, &gotMap, &gotDeep, &one, &two, &gotHome, &gotPlaces, &gotVector))
	equal(gotList, list)
	equal(gotSet, set)
	equal(gotMap, maps)
	equal(gotDeep, deep)
	equal([]any{one, two}, []any{1, "two"})
	equal(gotHome["name"], "Zürich HB")
	equal(len(gotPlaces), 2)
	equal(gotPlaces[0].Name, "there")
	equal(gotVector, vector)
	exec1("INSERT INTO nested (id, l) VALUES (?, ?)", 1, []int{})
	check(session.Query("SELECT l FROM nested WHERE id = 1").Scan(&gotList))
	equal(len(gotList), 0)
}

func batches() {
	write := "INSERT INTO rows_of (part, at, text) VALUES (?, ?, ?)"
	for _, kind := range []gocql.BatchType{gocql.LoggedBatch, gocql.UnloggedBatch} {
		batch := session.Batch(kind)
		for at := range 4 {
			batch.Query(write, 20, at, "batch")
		}
		batch.Query("DELETE FROM rows_of WHERE part = 20 AND at = 3")
		check(batch.Exec())
	}
	var count int
	check(session.Query("SELECT count(*) FROM rows_of WHERE part = 20").Scan(&count))
	equal(count, 3)
	add := "UPDATE counted SET hits = hits + ? WHERE id = ?"
	check(session.Batch(gocql.CounterBatch).Query(add, 5, 1).Query(add, int64(math.MaxInt64), 2).Exec())
	exec1(add, -7, 1)
	var hits int64
	check(session.Query("SELECT hits FROM counted WHERE id = ?", 1).Scan(&hits))
	equal(hits, int64(-2))
	check(session.Batch(gocql.LoggedBatch).Query(write, 21, 1, "x").WithTimestamp(77).Exec())
	check(session.Query("SELECT writetime(text) FROM rows_of WHERE part = 21").Scan(&hits))
	equal(hits, int64(77))
	check(session.Batch(gocql.LoggedBatch).Query(write+" USING TTL 100", 22, 1, "x").
		WithNowInSeconds(int(time.Now().Unix()) - 1000).Exec())
	check(session.Query("SELECT count(*) FROM rows_of WHERE part = 22").Scan(&count))
	equal(count, 0, "written with a clock of long ago, it has expired")
}

func conditional() {
	exec1("CREATE TABLE accounts (id int PRIMARY KEY, owner text, credit int)")
	insert := "INSERT INTO accounts (id, owner, credit) VALUES (?, ?, ?) IF NOT EXISTS"
	var id, credit int
	var owner string
	applied, err := session.Query(insert, 1, "ann", 10).ScanCAS(&id, &credit, &owner)
	check(err)
	equal(applied, true)
	applied, err = session.Query(insert, 1, "bob", 20).ScanCAS(&id, &credit, &owner)
	check(err)
	equal([]any{applied, id, credit, owner}, []any{false, 1, 10, "ann"})
	update := "UPDATE accounts SET credit = ? WHERE id = ? IF credit = ?"
	seen := map[string]any{}
	applied, err = session.Query(update, 11, 1, 9).SerialConsistency(gocql.LocalSerial).MapScanCAS(seen)
	check(err)
	equal([]any{applied, seen["credit"]}, []any{false, 10})
	applied, err = session.Query(update, 11, 1, 10).ScanCAS(&credit)
	check(err)
	equal(applied, true)
	batch := session.Batch(gocql.LoggedBatch).Query(update, 12, 1, 11).
		Query("UPDATE accounts SET owner = ? WHERE id = ? IF owner = ?", "eve", 1, "ann")
	applied, iter, err := batch.ExecCAS()
	check(err)
	equal(applied, true)
	check(iter.Close())
}

const readParts = "SELECT part, at FROM rows_of WHERE part IN (1000, 1001, 1002, 1003, 1004)"

func paging() {
	for part := 1000; part < 1005; part++ {
		for at := range 23 {
			exec1("INSERT INTO rows_of (part, at, text) VALUES (?, ?, ?)", part, at, "row")
		}
	}
	var part, at int
	for _, size := range []int{1, 7, 23, 114, 115, 116} {
		seen := map[[2]int]bool{}
		iter := session.Query(readParts).PageSize(size).Prefetch(0.5).Iter()
		for iter.Scan(&part, &at) {
			seen[[2]int{part, at}] = true
		}
		check(iter.Close())
		equal(len(seen), 115, "pages of ", size)
	}
	var down []int
	iter := session.Query("SELECT at FROM rows_of WHERE part = ? ORDER BY at DESC", 1003).PageSize(4).Iter()
	for iter.Scan(&at) {
		down = append(down, at)
	}
	check(iter.Close())
	that(len(down) == 23 && sort.SliceIsSorted(down, func(i, j int) bool { return down[i] > down[j] }), down)
	found, state := pageFrom(nil, "SELECT part, at FROM rows_of")
	for state != nil {
		var more int
		more, state = pageFrom(state, "SELECT part, at FROM rows_of")
		found += more
	}
	equal(found, 115)
}

// pageFrom reads one page and answers how many of its rows are of the partitions of paging.
func pageFrom(state []byte, text string) (int, []byte) {
	iter := session.Query(text).PageSize(20).PageState(state).Iter()
	next := append([]byte(nil), iter.PageState()...)
	var part, at, count int
	for scanner := iter.Scanner(); scanner.Next(); {
		check(scanner.Scan(&part, &at))
		if part >= 1000 && part < 1005 {
			count++
		}
	}
	if len(next) == 0 {
		return count, nil
	}
	return count, next
}

func concurrent() {
	var wait sync.WaitGroup
	faults := make(chan error, 2000)
	for worker := range 50 {
		wait.Add(1)
		go func() {
			defer wait.Done()
			for n := range 30 {
				text := strconv.Itoa(n)
				if err := session.Query("INSERT INTO rows_of (part, at, text) VALUES (?, ?, ?)",
					2000+worker, n, text).Exec(); err != nil {
					faults <- err
				}
				var found string
				if err := session.Query("SELECT text FROM rows_of WHERE part = ? AND at = ?",
					2000+worker, n).Scan(&found); err != nil || found != text {
					faults <- errors.Join(err, errors.New("found "+found+", expected "+text))
				}
			}
		}()
	}
	wait.Wait()
	close(faults)
	for err := range faults {
		check(err)
	}
}

func errorsTold() {
	fails("SELEKT 1", gocql.ErrCodeSyntax, "line 1")
	fails("SELECT * FORM rows_of", gocql.ErrCodeSyntax, "line 1")
	fails("SELECT * FROM absent", gocql.ErrCodeInvalid, "absent")
	fails("SELECT nothing FROM rows_of", gocql.ErrCodeInvalid, "nothing")
	err := fails("CREATE TABLE rows_of (a int PRIMARY KEY)", gocql.ErrCodeAlreadyExists)
	var there *gocql.RequestErrAlreadyExists
	that(errors.As(err, &there), err)
	equal([]string{there.Keyspace, there.Table}, []string{keyspace, "rows_of"})
	fails("CREATE KEYSPACE k WITH replication = {'class': 'NoSuchStrategy'}", gocql.ErrCodeConfig)
	err = session.Query("SELECT * FROM rows_of WHERE part = 1").Consistency(gocql.Three).Exec()
	if os.Getenv("CLIENT_SERVER") == "helenus" {
		check(err) // every replica is the one machine
	} else {
		var few *gocql.RequestErrUnavailable
		that(errors.As(err, &few), err)
		equal([]int{few.Required, few.Alive}, []int{3, 1})
	}
	equal(session.Query("SELECT at FROM rows_of WHERE part = -1").Scan(new(int)), gocql.ErrNotFound)
	iter := session.Query("SELECT count(*) FROM rows_of").Iter()
	that(len(iter.Warnings()) == 1 && strings.Contains(iter.Warnings()[0], "without partition key"),
		iter.Warnings())
	check(iter.Close())
}

func preparedAgain() {
	exec1("CREATE TABLE changing (id int PRIMARY KEY, a int)")
	exec1("INSERT INTO changing (id, a) VALUES (?, ?)", 1, 2)
	read := func() map[string]any {
		row := map[string]any{}
		check(session.Query("SELECT * FROM changing WHERE id = ?", 1).MapScan(row))
		return row
	}
	equal(read(), map[string]any{"id": 1, "a": 2})
	exec1("ALTER TABLE changing ADD b text")
	exec1("INSERT INTO changing (id, a) VALUES (?, ?)", 2, 3)
	exec1("UPDATE changing SET b = 'new' WHERE id = 1")
	eventually("the new column", 30*time.Second, func() error { return unless(read()["b"] == "new") })
	exec1("ALTER TABLE changing DROP a")
	eventually("the dropped column", 30*time.Second, func() error {
		_, there := read()["a"]
		return unless(!there)
	})
}

func schemaEvents() {
	other := connect(keyspace, nil)
	defer other.Close()
	tables, keyspaces := events.tables.Load(), events.keyspaces.Load()
	check(other.Query("CREATE TABLE seen (id int PRIMARY KEY)").Exec())
	check(other.Query("ALTER TABLE seen ADD more text").Exec())
	eventually("metadata of the new column", 30*time.Second, func() error {
		found, err := session.KeyspaceMetadata(keyspace)
		return errors.Join(err, unless(err == nil && found.Tables["seen"] != nil &&
			found.Tables["seen"].Columns["more"] != nil))
	})
	check(other.Query("DROP TABLE seen").Exec())
	eventually("a table that is gone", 30*time.Second, func() error {
		found, err := session.KeyspaceMetadata(keyspace)
		return errors.Join(err, unless(err == nil && found.Tables["seen"] == nil))
	})
	second := keyspace + "_second"
	check(other.Query("DROP KEYSPACE IF EXISTS " + second).Exec())
	check(other.Query("CREATE KEYSPACE " + second +
		" WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}").Exec())
	eventually("event: keyspace created", 30*time.Second, func() error {
		return unless(events.keyspaces.Load() > keyspaces)
	})
	check(other.Query("DROP KEYSPACE " + second).Exec())
	that(events.tables.Load() > tables, "no event of a table")
}

func versions() {
	compressors := map[string]gocql.Compressor{"none": nil, "lz4": lz4.LZ4Compressor{}, "snappy": snappy.SnappyCompressor{}}
	text := strings.Repeat("compress me ", 5000)
	for _, version := range []int{3, 4, 5} {
		for name, compressor := range compressors {
			if version == 5 && name == "snappy" {
				continue // version 5 knows LZ4 alone
			}
			other := connect(keyspace, func(c *gocql.ClusterConfig) {
				c.ProtoVersion = version
				c.Compressor = compressor
			})
			check(other.Query("INSERT INTO rows_of (part, at, text) VALUES (?, ?, ?)", 3000, version, text).Exec())
			var found string
			check(other.Query("SELECT text FROM rows_of WHERE part = 3000 AND at = ?", version).Scan(&found))
			that(found == text, version, name)
			var vector []float32
			check(other.Query("SELECT v FROM nested WHERE id = 1").Scan(&vector))
			equal(vector, []float32{1, -0.5, 3.25}, version, name)
			other.Close()
		}
	}
}

type tracer struct{ id []byte }

func (t *tracer) Trace(id []byte) { t.id = append([]byte(nil), id...) }

func tracing() {
	traced := &tracer{}
	check(session.Query("SELECT * FROM rows_of WHERE part = 1000").Trace(traced).Exec())
	eventually("the trace", 20*time.Second, func() error {
		var duration int
		return session.Query("SELECT duration FROM system_traces.sessions WHERE session_id = ?", traced.id).
			Scan(&duration)
	})
	var count int
	check(session.Query("SELECT count(*) FROM system_traces.events WHERE session_id = ?", traced.id).Scan(&count))
	that(count > 0, "no events")
}

func restart() {
	exec1("INSERT INTO rows_of (part, at, text) VALUES (4000, 1, ?)", "before")
	total, state := pageFrom(nil, readParts)
	that(state != nil, "one page only")
	rings := log.ringsRefreshed()
	log.provoked(func() {
		check(exec.Command(restartCmd).Run())
		eventually("the session's recovery", time.Minute, func() error {
			var text string
			return session.Query("SELECT text FROM rows_of WHERE part = ?", 4000).Scan(&text)
		})
		eventually("the control connection", time.Minute, func() error {
			return unless(log.ringsRefreshed() > rings)
		})
		check(session.AwaitSchemaAgreement(context.Background()))
	})
	for state != nil {
		var more int
		more, state = pageFrom(state, readParts)
		total += more
	}
	equal(total, 115)
	exec1("INSERT INTO rows_of (part, at, text) VALUES (?, ?, ?)", 4000, 2, "after")
	var count int
	check(session.Query("SELECT count(*) FROM rows_of WHERE part = ?", 4000).Scan(&count))
	equal(count, 2)
}

func leave() {
	exec1("DROP KEYSPACE " + keyspace)
	session.Close()
}

func main() {
	step("connected", connected)
	if failed {
		os.Exit(1)
	}
	step("schema", schema)
	step("scalars", scalars)
	step("nested", nested)
	step("batches", batches)
	step("conditional", conditional)
	step("paging", paging)
	step("concurrent", concurrent)
	step("errors", errorsTold)
	step("prepared_again", preparedAgain)
	step("schema_events", schemaEvents)
	step("versions", versions)
	step("tracing", tracing)
	if restartCmd != "" {
		step("restart", restart)
	}
	step("leave", leave)
	if failed {
		os.Exit(1)
	}
}
