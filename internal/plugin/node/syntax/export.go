package syntax

// readImports reads an import declaration.
func (p *parser) readImports() {
	p.next()
	if p.peek().is("(") || p.peek().is(".") { // a value
		return
	}
	if p.peek().is("type") && !p.ahead(1).is("from") && !p.ahead(1).is(",") {
		p.next()
	}
	names := map[string]string{} // local → theirs
	for p.peek().kind != end && !p.peek().is("from") && p.peek().kind != text {
		switch t := p.next(); {
		case t.is("{"):
			p.readSpecifiers(func(theirs, local string) { names[local] = theirs })
		case t.is("*"):
			p.take("as")
			names[p.next().text] = "*"
		case t.is("="): // import x = require("…"), or a name of a namespace
			return
		case t.kind == word:
			names[t.text] = "default"
		}
	}
	p.take("from")
	from := p.next()
	if from.kind != text {
		return
	}
	for local, theirs := range names {
		p.m.Imports[local] = Far{from.text, theirs}
	}
}

// readSpecifiers reads {a, b as c} behind its opening brace.
func (p *parser) readSpecifiers(each func(name, as string)) {
	for !p.take("}") && p.peek().kind != end {
		if p.peek().is("type") && (p.ahead(1).kind == word && !p.ahead(1).is("as") || p.ahead(1).kind == text) {
			p.next()
		}
		name := p.next().text
		as := name
		if p.take("as") {
			as = p.next().text
		}
		each(name, as)
		p.take(",")
	}
}

// export reads what stands behind the word.
func (p *parser) export(comment Doc) {
	if p.peek().is("type") && (p.ahead(1).is("{") || p.ahead(1).is("*")) {
		p.next()
	}
	switch {
	case p.take("default"), p.take("="):
		p.exportValue("default", comment)
	case p.take("*"):
		as := ""
		if p.take("as") {
			as = p.next().text
		}
		p.take("from")
		from := p.next().text
		if as == "" {
			p.m.Stars = append(p.m.Stars, from)
		} else {
			p.m.Exports[as] = export{Far: Far{from, "*"}}
		}
	case p.take("{"):
		all := map[string]string{} // as → name
		p.readSpecifiers(func(name, as string) { all[as] = name })
		from := ""
		if p.take("from") {
			from = p.next().text
		}
		for as, name := range all {
			if from != "" {
				p.m.Exports[as] = export{Far: Far{from, name}}
			} else {
				p.m.Exports[as] = export{Local: name}
			}
		}
	default:
		for _, name := range p.declaration(comment) {
			p.m.Exports[name] = export{Local: name}
		}
	}
}

// exportValue reads a value that is exported under the name.
func (p *parser) exportValue(name string, comment Doc) {
	declares := p.peek().is("class") || p.peek().is("interface") || p.peek().is("enum") ||
		(p.peek().is("function") || p.peek().is("async") && p.ahead(1).is("function"))
	if declares {
		if names := p.declaration(comment); len(names) > 0 {
			p.m.Exports[name] = export{Local: names[0]}
		}
		return
	}
	v := p.readValue()
	if v.Doc.IsEmpty() {
		v.Doc = comment
	}
	p.m.Exports[name] = export{Value: v}
	p.skipRest()
}

// commonJS reads module.exports = …, module.exports.name = … and exports.name = …
func (p *parser) commonJS(comment Doc) {
	begin := p.at
	if p.take("module") {
		p.take(".")
	}
	if !p.take("exports") {
		p.at = begin
		return
	}
	name := "default"
	if p.take(".") {
		name = p.next().text
	}
	if !p.take("=") {
		return
	}
	if p.peek().is("module") && p.ahead(1).is(".") || p.peek().is("exports") { // module.exports = exports.name = …
		p.commonJS(comment)
		return
	}
	p.exportValue(name, comment)
}
