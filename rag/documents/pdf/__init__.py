"""PDF files: what is drawn on pages becomes rows, columns, headings and paragraphs."""
