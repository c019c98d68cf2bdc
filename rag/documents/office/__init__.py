"""Archives of XML: Word, PowerPoint, Excel, OpenDocument and EPUB."""
