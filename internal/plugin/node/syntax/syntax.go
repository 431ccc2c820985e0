// Package syntax reads the declarations of a TypeScript or JavaScript file: types, functions with their parameters and comments, what
// is imported and exported, and which tools and resources are registered. It does not read statements and expressions, and not
// whether anything is right: files come from a compiler that has accepted them.
package syntax
