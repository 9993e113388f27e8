// A receiver of PraxTalk webhooks: Go 1.19 or later, standard library only.
//
//	PRAXTALK_WEBHOOK_SECRET=whsec_... go run receiver.go
package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	maxBody = 1024 * 1024 // bytes
	maxSeen = 10_000      // event ids
)

// Event is what every body holds. Decode Data by Type.
type Event struct {
	ID          string          `json:"id"`
	Type        string          `json:"type"`
	CreatedAt   int64           `json:"createdAt"`
	WorkspaceID string          `json:"workspaceId"`
	BrandID     *string         `json:"brandId"`
	Data        json.RawMessage `json:"data"`
}

// Your code goes here: event.Type says what happened, event.Data holds the objects. Ignore types you do not use.
//
// PraxTalk waits 15 seconds for the answer. Put slow work into a queue and return; an error makes PraxTalk send the event
// again.
func handle(event Event) error {
	fmt.Println(event.Type, event.ID)
	return nil
}

const fiveMinutes = 300 // seconds

var timeField = regexp.MustCompile(`^t=([0-9]{1,12})$`)

// rawBody is the body as it arrived, header X-PraxTalk-Signature, secret the whole whsec_... string.
func verify(rawBody []byte, header, secret string, now time.Time) bool {
	fields := strings.Split(header, ",")
	match := timeField.FindStringSubmatch(fields[0])
	if match == nil {
		return false
	}
	timestamp, err := strconv.ParseInt(match[1], 10, 64)
	if err != nil {
		return false
	}
	if age := now.Unix() - timestamp; age > fiveMinutes || age < -fiveMinutes {
		return false
	}
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(match[1] + "."))
	mac.Write(rawBody)
	expected := "v1=" + hex.EncodeToString(mac.Sum(nil))
	// While the secret is being changed there are two v1, one for each secret. Any will do, so you can switch at any moment.
	for _, field := range fields[1:] {
		if hmac.Equal([]byte(field), []byte(expected)) {
			return true
		}
	}
	return false
}

// In earnest: a table with a unique key on the event's id, written in one transaction with what handle writes. These maps
// are lost with the process, and each process has its own. When recent is full it becomes older, and older is forgotten.
var (
	lock          sync.Mutex
	recent, older = map[string]bool{}, map[string]bool{}
)

// isNew tells whether this id was not seen before; from now on it was.
func isNew(id string) bool {
	lock.Lock()
	defer lock.Unlock()
	if recent[id] || older[id] {
		return false
	}
	if len(recent) >= maxSeen {
		recent, older = map[string]bool{}, recent
	}
	recent[id] = true
	return true
}

func unmark(id string) {
	lock.Lock()
	defer lock.Unlock()
	delete(recent, id)
	delete(older, id)
}

// handleOnce handles an event that is new. One that failed, or panicked, is forgotten: it will come again.
func handleOnce(event Event) (err error) {
	if !isNew(event.ID) {
		return nil
	}
	isDone := false
	defer func() {
		if !isDone {
			unmark(event.ID)
		}
	}()
	err = handle(event)
	isDone = err == nil
	return err
}

// receive returns the status to answer with.
func receive(request *http.Request, secret string) int {
	rawBody, err := io.ReadAll(io.LimitReader(request.Body, maxBody+1))
	if err != nil {
		return http.StatusBadRequest
	}
	if len(rawBody) > maxBody {
		return http.StatusRequestEntityTooLarge
	}
	if !verify(rawBody, request.Header.Get("X-PraxTalk-Signature"), secret, time.Now()) {
		return http.StatusBadRequest
	}
	var event Event
	err = json.Unmarshal(rawBody, &event)
	if err == nil {
		err = handleOnce(event)
	}
	if err != nil {
		log.Printf("%s %s failed: %v", event.Type, event.ID, err)
		return http.StatusInternalServerError
	}
	return http.StatusNoContent
}

func main() {
	secret, port := os.Getenv("PRAXTALK_WEBHOOK_SECRET"), os.Getenv("PORT")
	if secret == "" {
		log.Fatal("Set PRAXTALK_WEBHOOK_SECRET to the whsec_... that PraxTalk showed.")
	}
	if port == "" {
		port = "9000"
	}
	// On loopback: a web server with a certificate stands in front and passes the body on untouched.
	server := http.Server{
		Addr:              "127.0.0.1:" + port,
		ReadHeaderTimeout: 15 * time.Second,
		ReadTimeout:       15 * time.Second,
		Handler: http.HandlerFunc(func(writer http.ResponseWriter, request *http.Request) {
			writer.WriteHeader(receive(request, secret))
		}),
	}
	log.Printf("Listening on http://%s/", server.Addr)
	log.Fatal(server.ListenAndServe())
}
