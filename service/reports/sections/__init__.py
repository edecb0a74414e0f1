"""What the page is made of: each section a function of the report; None when it has no content."""
