package record

// EraseRequest asks for payloads before a time.
func EraseRequest(to string) Request { return Request{to: to} }
