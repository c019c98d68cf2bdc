from __future__ import annotations

from email.message import EmailMessage

import pytest

from rag.documents.text.mail import parse
from rag.errors import DocumentError
from rag.types import Document


def message(subject: str = "Größe of things", body: str = "Hello.\n\nIt is so.\n") -> EmailMessage:
    made = EmailMessage()
    made["Subject"] = subject
    made["From"] = "Ada <ada@example.org>"
    made["To"] = "Bob <bob@example.org>"
    made["Date"] = "Fri, 16 Dec 2022 17:04:16 -0500"
    made.set_content(body)
    return made


def said(document: Document) -> list[str]:
    return [block.span.of(document.text) for block in document.blocks]


HEAD = (
    "From: Ada <ada@example.org> · Date: Fri, 16 Dec 2022 17:04:16 -0500 "
    "· To: Bob <bob@example.org>"
)


def test_a_subject_is_the_title_and_heads_who_wrote_and_what() -> None:
    document = parse("a.eml", message().as_bytes())
    assert document.title == "Größe of things"
    assert said(document) == ["Größe of things", HEAD, "Hello.", "It is so."]
    assert [place.name for place in document.places.listed] == ["1", "2", "3", "4"]


def test_the_plain_body_is_preferred_unless_it_is_a_stub() -> None:
    both = message(body="- one\n- two\n")
    both.add_alternative("<ul><li>one<li>two</ul>", subtype="html")
    assert said(parse("a.eml", both.as_bytes()))[2:] == ["- one\n- two"]
    stub = message(body="No HTML here.")
    stub.add_alternative(f"<h2>News</h2><p>{'Long words. ' * 40}", subtype="html")
    assert said(parse("a.eml", stub.as_bytes()))[2] == "News"
    short = message(body="Your mail program does not support HTML.")
    short.add_alternative("<p>The exam is on 12 May in hall 4", subtype="html")
    assert said(parse("a.eml", short.as_bytes()))[2:] == ["The exam is on 12 May in hall 4"]
    words = "Many words that both say. " * 30
    long = message(body=f"{words}\n\nUnsubscribe: https://example.org/x?y=z")
    long.add_alternative(f"<p>{words}<p>The room is 12.", subtype="html")
    assert said(parse("a.eml", long.as_bytes()))[-1].startswith("Unsubscribe")
    page = message()
    page.set_content("<p>Only <b>HTML</b>.<p hidden>x y", subtype="html")
    document = parse("a.eml", page.as_bytes())
    assert said(document)[2:] == ["Only HTML."]
    assert [remark.reason for remark in document.remarks] == ["hidden text"]


def test_attachments_are_named_and_forwarded_mail_is_read() -> None:
    outer = message()
    outer.add_attachment(b"%PDF", maintype="application", subtype="pdf", filename="slides.pdf")
    outer.add_attachment(message("Inner", "Deep words.\n"))
    document = parse("a.eml", outer.as_bytes())
    assert said(document)[-3:] == ["Inner", HEAD, "Deep words."]
    assert [block.level for block in document.blocks if block.level] == [1, 2]
    (remark,) = document.remarks
    assert (remark.reason, "slides.pdf" in remark.message) == ("attachments", True)


def test_an_alternative_s_attachments_are_named_and_all_of_its_page_is_read() -> None:
    both = message(body="No HTML here.")
    both.add_alternative("<p>Before the file.", subtype="html")
    page = both.get_payload(1)
    assert isinstance(page, EmailMessage)
    page.add_attachment(b"%PDF", maintype="application", subtype="pdf", filename="slides.pdf")
    page.add_attachment("Of its own.", filename="notes.txt")
    after = EmailMessage()
    after.set_content("<p>After the file.", subtype="html")
    page.attach(after)
    document = parse("a.eml", both.as_bytes())
    assert said(document)[2:] == ["Before the file.", "After the file."]
    (remark,) = document.remarks
    assert "slides.pdf, notes.txt" in remark.message


def test_soft_line_ends_are_no_line_ends() -> None:
    flowed = message()
    flowed.set_content("One \ntwo.\n> q \n> r\n-- \nme\n", params={"format": "flowed"})
    assert parse("a.eml", flowed.as_bytes()).text.endswith("One two.\n> q \n> r\n-- \nme")


@pytest.mark.parametrize("charset", ["no-such-charset", "ascii"])
def test_a_wrong_charset_is_seen_through(charset: str) -> None:
    data = f"Subject: x\nContent-Type: text/plain; charset={charset}\n\nGröße.\n".encode()
    assert said(parse("a.eml", data))[-1] == "Größe."


@pytest.mark.parametrize(
    "data",
    [
        b"Subject: x\nContent-Type: multipart/encrypted; boundary=b\n\n--b\n\n1\n--b--\n",
        b"Subject: x\nContent-Type: application/pkcs7-mime; name=smime.p7m\n\nMIIB\n",
        b"Subject: x\n\n-----BEGIN PGP MESSAGE-----\n\nhQ\n-----END PGP MESSAGE-----\n",
    ],
)
def test_encrypted_mail_is_called_so(data: bytes) -> None:
    with pytest.raises(DocumentError) as caught:
        parse("a.eml", data)
    assert caught.value.reason == "encrypted"


def test_a_mailbox_is_all_its_mails() -> None:
    mails = [message("One", "First.\n\nFrom here on.\n"), message("Two", "Second.\n")]
    box = b"\n".join(
        b"From ada@example.org Fri Dec 16 17:04:16 2022\n"
        + mail.as_bytes().replace(b"\nFrom here", b"\n>From here")
        for mail in mails
    )
    document = parse("old/class-mail.mbox", box)
    assert document.title == "class mail"
    texts = said(document)
    assert [texts[0], *texts[2:5], texts[6]] == ["One", "First.", "From here on.", "Two", "Second."]
    with pytest.raises(DocumentError, match="no mailbox"):
        parse("a.mbox", b"just text")
