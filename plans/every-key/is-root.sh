#!/bin/sh
[ "$(id -u)" -eq 0 ]
