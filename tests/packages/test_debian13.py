#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The Debian package in Debian 13: see debian.py."""

import debian

if __name__ == "__main__":
    debian.tap.run(debian.steps("trixie"))
