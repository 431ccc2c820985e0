"""Speaks MCP for a file of ordinary Python functions.

load runs the author's file, standin gives it a module mcp whose McpServer is the one of server, handler makes tools
and resources of functions with the help of shape (types), docs (docstrings), source (what a function does with its
arguments) and address (URIs). session is the protocol, on the pipes of wire; crew has handlers run.
"""
