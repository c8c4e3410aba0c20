"""`python -m jaxleggett` is the command `jaxleggett`."""

from .cli import main

if __name__ == "__main__":
    main()
