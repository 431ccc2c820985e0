package caution

import (
	"cmp"
	"strings"
)

// words is the warning in one language.
type words struct {
	// title stands before rights, which says what it is about: the seed's sentence.
	title, rights string
	// about names a server and its command line, and first says that it is started for the first time.
	about, first string
	// lines say what that means, and what to do.
	lines []string
	// ask asks whether to go on.
	ask string
}

var english = words{
	title:  "WARNING  ",
	rights: "A local MCP server runs with the rights of your IDE: treat it like root access.",
	about:  "server %s: %s",
	first:  "Server %s is started on this machine for the first time: %s",
	lines: []string{
		"It can read and change every file that you can, use your keys, and reach the network.",
		"Let only servers run whose publisher you know, in a version that you name; `sumun scan -- COMMAND` looks at one first.",
	},
	ask: "Go on? [y/N] ",
}

var korean = words{
	title:  "경고  ",
	rights: "MCP 서버는 IDE 권한으로 실행됩니다 → 루트 접근처럼 다루세요.",
	about:  "서버 %s: %s",
	first:  "서버 %s을(를) 이 컴퓨터에서 처음 시작합니다: %s",
	lines: []string{
		"이 프로그램은 사용자가 접근할 수 있는 모든 파일을 읽고 바꾸며, 사용자의 키를 쓰고 네트워크에 접속할 수 있습니다.",
		"게시자를 아는 서버만 버전을 명시하여 실행하세요. 먼저 `sumun scan -- 명령`으로 검사할 수 있습니다.",
	},
	ask: "계속할까요? [y/N] ",
}

// language is the warning in the language of the locale (POSIX, section 8.2: LC_ALL before LC_MESSAGES before LANG).
func (w *Warner) language() words {
	locale := strings.ToLower(cmp.Or(w.Getenv("LC_ALL"), w.Getenv("LC_MESSAGES"), w.Getenv("LANG")))
	if tongue, _, _ := strings.Cut(strings.ReplaceAll(locale, "-", "_"), "_"); tongue == "ko" || strings.HasPrefix(locale, "ko.") || strings.HasPrefix(locale, "korean") {
		return korean
	}
	return english
}
