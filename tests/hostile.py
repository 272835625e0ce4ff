"""Texts that try to be more than text; every label, name, class and file is tried with them."""

HOSTILE = {
    # for a page and a picture
    "script": "</script><script>window.hacked=1;alert(1)</script>",
    "image": "<img src=x onerror=window.hacked=1>",
    "attribute": '" onload="window.hacked=1" x=\'',
    "comment": "<!--<script> --> -- ",
    "cdata": "]]><script>alert(1)</script><![CDATA[",
    "entity": "&lt;b&gt; &amp; &#39; &#92; &bogus; &#0;",
    "quotes": "say \"hi\", 'bye' and `${window.hacked=1}`",
    "template": "{{data}} {{script}} {{policy}}",
    # for DOT
    "statement": '"]; n9 [label="x"]; //',
    "record": "w<1>|b {x|y}",
    "table": "</TD></TR></TABLE>>",
    "tags": "<<B>bold</B>>",
    "backslash": "ends in \\",
    "escapes": "\\N \\G \\n \\\\ \\E",
    # for Python
    "code": "x\nimport os; os.mkdir('made')\n#",
    "call": "__import__('os').mkdir('made')",
    "text": "'''\"\"\"\\",
    "f-string": "{__import__('os').mkdir('made')!r:>{9}}",
    "continued": "# -*- coding: utf-7 -*- \\\n",
    "dunder": "__class__",
    "keyword": "None",
    "builtin": "exec",
    "variable": "parameters",
    "parameter": "layers.0.neurons.0.w.0",
    "format": "{} {0} {x!r} {y.data} {",
    "percent": "%s %d %n %(x)s 100 %",
    # for a terminal
    "newlines": "one\ntwo\r\nthree\rfour",
    "separators": "a\u2028b\u2029c\x85d\x0be\x0cf\x1cg\x1dh\x1ei",
    "ansi": "\x1b[2J\x1b[31mred\x1b[0m\x1b]0;title\x07",
    "c1": "\x9b31m\x9d0;title\x9c",
    "null": "a\x00b\x08c\x7fd",
    "direction": "\u202ecba\u2066\u200f\u061c",
    "invisible": "a\u200bb\ufeffc\u00add",
    "surrogate": "a\ud800b",
    "blank": "  ",
    "tab": "\t",
    # for matplotlib and a spreadsheet
    "maths": "$x^2$ $\\frac{",
    "hidden": "_hidden",
    "formula": "=cmd|'/C calc'!A0",
    "plus": "+1+cmd|'/C calc'!A0",
    "minus": "-1",
    "at": '@SUM(1,"2")',
    # for a file
    "path": "../../../etc/passwd",
    "device": "CON",
    "option": "--full",
    # for patience
    "long": "a long name " * 1000,
    "unicode": "θ₁ 重み 🙂 ﷽",
}
