"""`python -m margin`: the command `margin-engine`."""

from margin.cli import main

if __name__ == "__main__":
    main()
