// Package service is a small company behind one HTTP API: customers, payments, sensors, maintenance, a catalogue and users. It keeps
// everything in memory, and stands for the services that a real gateway has behind it. openapi.yaml beside it describes it.
package service

import (
	"crypto/subtle"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Header is the header that carries the key.
const Header = "X-Api-Key"

// A company is the state of the service.
type company struct {
	mu       sync.Mutex
	payments int
	orders   int
}

// Handler returns the service, which asks for that key in Header.
func Handler(key string) http.Handler {
	c := &company{}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /crm/customers/{id}", c.customer)
	mux.HandleFunc("POST /payments", c.pay)
	mux.HandleFunc("POST /payments/{id}/refund", c.refund)
	mux.HandleFunc("GET /sensors/{id}", c.sensor)
	mux.HandleFunc("POST /maintenance", c.schedule)
	mux.HandleFunc("GET /catalog", c.search)
	mux.HandleFunc("GET /users/{id}/profile", c.profile)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if subtle.ConstantTimeCompare([]byte(r.Header.Get(Header)), []byte(key)) != 1 {
			fail(w, http.StatusUnauthorized, "the key is wrong")
			return
		}
		mux.ServeHTTP(w, r)
	})
}

// An object is the body of an answer.
type object map[string]any

func answer(w http.ResponseWriter, status int, body object) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // a client that is gone hears nothing
}

func fail(w http.ResponseWriter, status int, detail string) {
	answer(w, status, object{"error": detail})
}

// read reads the body of a request into v.
func read(w http.ResponseWriter, r *http.Request, v any) bool {
	const most = 64 << 10
	dec := json.NewDecoder(http.MaxBytesReader(w, r.Body, most))
	dec.DisallowUnknownFields()
	if err := dec.Decode(v); err != nil {
		fail(w, http.StatusBadRequest, "the body is not what is wanted: "+err.Error())
		return false
	}
	return true
}

var customers = map[string]object{
	"C-1001": {"id": "C-1001", "name": "김하늘", "email": "sky@customer.example", "tier": "gold", "orders": 12},
	"C-1002": {"id": "C-1002", "name": "Ada Park", "email": "ada@customer.example", "tier": "silver", "orders": 3},
}

func (*company) customer(w http.ResponseWriter, r *http.Request) {
	found, ok := customers[r.PathValue("id")]
	if !ok {
		fail(w, http.StatusNotFound, "there is no customer "+strconv.Quote(r.PathValue("id")))
		return
	}
	answer(w, http.StatusOK, found)
}

func (c *company) pay(w http.ResponseWriter, r *http.Request) {
	var in struct {
		CustomerID string  `json:"customerId"`
		Amount     float64 `json:"amount"`
		Currency   string  `json:"currency"`
		Note       string  `json:"note"`
	}
	if !read(w, r, &in) {
		return
	}
	if _, ok := customers[in.CustomerID]; !ok || in.Amount <= 0 {
		fail(w, http.StatusUnprocessableEntity, "a payment wants a customer that is there and an amount above 0")
		return
	}
	c.mu.Lock()
	c.payments++
	id := fmt.Sprintf("P-%04d", c.payments)
	c.mu.Unlock()
	answer(w, http.StatusCreated, object{"paymentId": id, "status": "initiated", "amount": in.Amount, "currency": in.Currency})
}

func (*company) refund(w http.ResponseWriter, r *http.Request) {
	answer(w, http.StatusOK, object{"paymentId": r.PathValue("id"), "status": "refunded"})
}

func (*company) sensor(w http.ResponseWriter, r *http.Request) {
	readings := map[string]object{
		"press-7": {"sensorId": "press-7", "kind": "temperature", "value": 71.5, "unit": "°C"},
		"pump-2":  {"sensorId": "pump-2", "kind": "pressure", "value": 4.2, "unit": "bar"},
	}
	found, ok := readings[r.PathValue("id")]
	if !ok {
		fail(w, http.StatusNotFound, "there is no sensor "+strconv.Quote(r.PathValue("id")))
		return
	}
	answer(w, http.StatusOK, found)
}

func (c *company) schedule(w http.ResponseWriter, r *http.Request) {
	var in struct {
		MachineID string `json:"machineId"`
		Date      string `json:"date"`
		Task      string `json:"task"`
	}
	if !read(w, r, &in) {
		return
	}
	if _, err := time.Parse(time.DateOnly, in.Date); err != nil {
		fail(w, http.StatusUnprocessableEntity, "the date is not of the form 2027-01-31")
		return
	}
	c.mu.Lock()
	c.orders++
	id := fmt.Sprintf("M-%04d", c.orders)
	c.mu.Unlock()
	answer(w, http.StatusCreated, object{"orderId": id, "machineId": in.MachineID, "date": in.Date, "status": "scheduled"})
}

func (*company) search(w http.ResponseWriter, r *http.Request) {
	goods := []object{
		{"sku": "A-1", "title": "Aluminium frame", "price": 120.5}, {"sku": "B-7", "title": "Bearing 7 mm", "price": 3.2}, {"sku": "B-9", "title": "Bearing 9 mm", "price": 3.9},
	}
	limit, err := strconv.Atoi(r.URL.Query().Get("limit"))
	if err != nil || limit < 1 {
		limit = len(goods)
	}
	items := []object{}
	for _, g := range goods {
		if title, _ := g["title"].(string); len(items) < limit && strings.Contains(strings.ToLower(title), strings.ToLower(r.URL.Query().Get("q"))) {
			items = append(items, g)
		}
	}
	answer(w, http.StatusOK, object{"items": items, "total": len(items)})
}

func (*company) profile(w http.ResponseWriter, r *http.Request) {
	if r.PathValue("id") != "u-42" {
		fail(w, http.StatusNotFound, "there is no user "+strconv.Quote(r.PathValue("id")))
		return
	}
	answer(w, http.StatusOK, object{"userId": "u-42", "name": "Min Seo", "language": "ko", "interests": []string{"cycling", "baking"}})
}
