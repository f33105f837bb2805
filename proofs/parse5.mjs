// Where parse5 finds elements: one page (a JSON string) a line on stdin, one line of elements on stdout.
// Arguments: the path of parse5's module. An element is [name, is HTML, start, end of its start tag, start of its own
// end tag or -1, end], in UTF-16 code units, in the order of the start tags. What stands in a template is left out.
import { createInterface } from "node:readline"
import { pathToFileURL } from "node:url"

const module = pathToFileURL(process.argv[2])
const { Parser, html } = await import(module.href)
const { InsertionMode } = await import(new URL("parser/index.js", module).href)
const AFTER_BODY = [InsertionMode.AFTER_BODY, InsertionMode.AFTER_AFTER_BODY]
const REMADE = new Set("a b big code em font i nobr s small strike strong tt u".split(" "))

const HEADING = /^h[1-6]$/

// parse5 takes an element's end from the tag or comment that it read last. This tells it of text and of the page's end,
// too. It notes the end tags of headings, and where </body> and </html> stand as long as nothing comes after them that
// reopens what they ended.
class Exact extends Parser {
  over = {}
  headings = new Map()
}
for (const kind of ["onStartTag", "onEndTag", "onEof", "onCharacter", "onNullCharacter", "onWhitespaceCharacter"]) {
  Exact.prototype[kind] = function (token) {
    this.currentToken = token
    if (kind === "onEndTag" && HEADING.test(token.tagName)) {
      this.headings.set(token.location.startOffset, token.location.endOffset)
    }
    Parser.prototype[kind].call(this, token)
    const trifle = kind === "onWhitespaceCharacter" || kind === "onEof" || ["html", "body"].includes(token.tagName)
    if (!trifle || !AFTER_BODY.includes(this.insertionMode)) this.over = {}
    else if (kind === "onEndTag") {
      this.over.body ??= token.location.startOffset
      if (token.tagName === "html") this.over.html ??= token.location.startOffset
    }
  }
}

function* elements(node) {
  for (const child of node.childNodes ?? []) {
    const at = child.sourceCodeLocation
    if (child.tagName && at?.startTag) {
      const opened = at.startTag.endOffset
      const own = child.namespaceURI === html.NS.HTML
      yield [child.tagName, own, at.startOffset, opened, at.endTag?.startOffset ?? -1, Math.max(at.endOffset, opened)]
    }
    yield* elements(child)
  }
}

// An element that is still open when the page ends does so where the body ends, if nothing but white space and comments
// comes after that, else with the page. A heading's end tag is that of whatever heading it ends. Where a formatting
// element ends that is replaced by copies of itself, parse5 does not say (-1).
function settled([name, own, start, opened, inner, end], { over, headings }, size) {
  if (own && (name === "html" || name === "body")) {
    inner = over[name] ?? -1
    end = inner < 0 ? size : end
  } else if (inner < 0 && end === size) end = over.body ?? size
  else if (inner < 0 && own && HEADING.test(name) && headings.has(end)) [inner, end] = [end, headings.get(end)]
  else if (inner < 0 && own && end === opened && REMADE.has(name)) end = -1
  return [name, own, start, opened, inner, end]
}

for await (const line of createInterface({ input: process.stdin })) {
  const page = JSON.parse(line)
  const parser = new Exact({ sourceCodeLocationInfo: true })
  parser.tokenizer.write(page, true)
  const found = new Map()
  for (const element of elements(parser.document)) {
    // Of the copies of a misnested formatting element the first is the one that was written.
    if (!found.has(element[2])) found.set(element[2], settled(element, parser, page.length))
  }
  process.stdout.write(JSON.stringify([...found.values()].sort((a, b) => a[2] - b[2])) + "\n")
}
