"""What a night is told as: Markdown for people, JUnit XML for the services that run tests."""
