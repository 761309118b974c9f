package main

import (
	"errors"
	"fmt"
	"os"
	"reflect"
	"strings"
	"sync"
	"time"

	gocql "github.com/apache/cassandra-gocql-driver/v2"
)

// fileLog writes a line a record: PHASE LEVEL LOGGER MESSAGE.
type fileLog struct {
	sync.Mutex
	file  *os.File
	phase string
	rings int
}

func openLog(path string) *fileLog {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		panic(err)
	}
	return &fileLog{file: file, phase: "run"}
}

func (l *fileLog) write(level, message string, fields []gocql.LogField) {
	for _, field := range fields {
		message += fmt.Sprintf(" %s=%s", field.Name, field.Value.String())
	}
	l.Lock()
	defer l.Unlock()
	if strings.HasPrefix(message, "Refreshed ring") {
		l.rings++
	}
	fmt.Fprintf(l.file, "%s %s gocql %s\n", l.phase, level, strings.ReplaceAll(message, "\n", "\\n"))
}

func (l *fileLog) Error(m string, f ...gocql.LogField)   { l.write("ERROR", m, f) }
func (l *fileLog) Warning(m string, f ...gocql.LogField) { l.write("WARN", m, f) }
func (l *fileLog) Info(m string, f ...gocql.LogField)    { l.write("INFO", m, f) }
func (l *fileLog) Debug(string, ...gocql.LogField)       {}

// ringsRefreshed counts how often a new control connection was complete.
func (l *fileLog) ringsRefreshed() int {
	l.Lock()
	defer l.Unlock()
	return l.rings
}

// provoked runs what the driver rightly complains about.
func (l *fileLog) provoked(work func()) {
	set := func(phase string) {
		l.Lock()
		l.phase = phase
		l.Unlock()
	}
	set("fault")
	defer set("run")
	work()
}

// fault ends a step; what went wrong is its text.
type fault string

func check(err error) {
	if err != nil {
		panic(fault(err.Error()))
	}
}

func equal(found, expected any, what ...any) {
	if !reflect.DeepEqual(found, expected) {
		panic(fault(fmt.Sprintf("%v: found %#v, expected %#v", what, found, expected)))
	}
}

func that(condition bool, what ...any) {
	if !condition {
		panic(fault(fmt.Sprint(what...)))
	}
}

var failed bool

func step(name string, work func()) {
	began := time.Now()
	defer func() {
		if what := recover(); what != nil {
			failed = true
			fmt.Printf("FAIL %s\n%v\n", name, what)
			if _, expected := what.(fault); !expected {
				panic(what)
			}
			return
		}
		fmt.Printf("ok %s %.1fs\n", name, time.Since(began).Seconds())
	}()
	work()
}

// eventually waits for something that the driver does by itself, such as taking note of an event.
func eventually(what string, limit time.Duration, try func() error) {
	end := time.Now().Add(limit)
	for err := try(); err != nil; err = try() {
		that(time.Now().Before(end), what, ": not within ", limit, ": ", err)
		time.Sleep(100 * time.Millisecond)
	}
}

func unless(holds bool) error {
	if holds {
		return nil
	}
	return errors.New("not yet")
}
