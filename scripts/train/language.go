package main

import "errors"

func trainLanguage(string) ([]byte, error) { return nil, errors.New("not yet") }
